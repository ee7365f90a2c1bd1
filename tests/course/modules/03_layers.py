"""Module 03: Layer, Linear, Dropout and Sequential in plain NumPy on the package's Tensor."""

# %%
import copy
import inspect
import pickle
import time
import unittest

import numpy as np

from tinytorch.core import layers as package
from tinytorch.core.activations import ReLU, Sigmoid
from tinytorch.core.tensor import Tensor

XAVIER_SCALE_FACTOR = 1.0


# %%
class Layer:
    def forward(self, x):
        raise NotImplementedError("Subclasses must implement forward()")

    def __call__(self, x, *args, **kwargs):
        return self.forward(x, *args, **kwargs)

    def parameters(self):
        return []

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class Linear(Layer):
    def __init__(self, in_features, out_features, bias=True):
        self.in_features = in_features
        self.out_features = out_features
        scale = np.sqrt(XAVIER_SCALE_FACTOR / in_features)
        weight_data = np.random.randn(in_features, out_features) * scale
        self.weight = Tensor(weight_data, requires_grad=True)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True) if bias else None

    def forward(self, x):
        output = x.matmul(self.weight)
        if self.bias is not None:
            output = output + self.bias
        return output

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        params = [self.weight]
        if self.bias is not None:
            params.append(self.bias)
        return params

    def __repr__(self):
        bias_str = f", bias={self.bias is not None}"
        return f"Linear(in_features={self.in_features}, out_features={self.out_features}{bias_str})"


class Dropout(Layer):
    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout probability must be between 0 and 1, got {p}")
        self.p = p

    def forward(self, x, training=True):
        if not training or self.p == 0.0:
            return x
        if self.p == 1.0:
            return Tensor(np.zeros_like(x.data), requires_grad=x.requires_grad)
        keep_prob = 1.0 - self.p
        mask = np.random.random(x.data.shape) < keep_prob
        mask_tensor = Tensor(mask.astype(np.float32), requires_grad=False)
        scale = Tensor(np.array(1.0 / keep_prob), requires_grad=False)
        return x * mask_tensor * scale

    def __call__(self, x, training=True):
        return self.forward(x, training)

    def __repr__(self):
        return f"Dropout(p={self.p})"


class Sequential:
    def __init__(self, *layers):
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = layers[0]
        self.layers = list(layers)

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    forward = __call__

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


# %% [markdown]
# ## The same as the package's
class TestLinear(unittest.TestCase):
    def setUp(self):
        np.random.seed(7)
        self.own = Linear(5, 3)
        np.random.seed(7)
        self.package = package.Linear(5, 3)

    def test_same_seed_same_weights(self):
        self.assertTrue(np.array_equal(self.own.weight.data, self.package.weight.data))
        self.assertEqual(self.package.weight.shape, (5, 3))
        self.assertTrue(np.all(self.package.bias.data == 0))
        self.assertEqual(repr(self.own), repr(self.package))
        spread = np.std(package.Linear(400, 100).weight.data)
        self.assertAlmostEqual(float(spread), np.sqrt(1 / 400), delta=2e-3)

    def test_forward(self):
        for shape in ((5,), (2, 5), (0, 5), (2, 3, 5), (2, 1, 2, 5)):
            x = Tensor(np.random.randn(*shape))
            self.assertTrue(
                np.allclose(self.own(x).data, self.package(x).data, atol=1e-6), msg=str(shape)
            )
            self.assertEqual(self.package(x).shape, (*shape[:-1], 3))

    def test_wrong_width(self):
        for layer in (self.own, self.package):
            with self.assertRaises(ValueError):
                layer(Tensor(np.ones((2, 4))))

    def test_parameters_are_the_live_tensors(self):
        params = self.package.parameters()
        self.assertIs(params[0], self.package.weight)
        self.assertIs(params[1], self.package.bias)
        self.assertIsNot(self.package.parameters(), params)
        for p, q in zip(self.own.parameters(), params, strict=True):
            self.assertIsInstance(q, Tensor)
            self.assertTrue(p.requires_grad and q.requires_grad)
            self.assertTrue(hasattr(q, "grad"))

    def test_no_bias(self):
        layer = package.Linear(5, 3, bias=False)
        self.assertIsNone(layer.bias)
        self.assertEqual(len(layer.parameters()), 1)
        self.package.bias = None
        x = Tensor(np.ones((1, 5)))
        self.assertTrue(np.allclose(self.package(x).data, x.data @ self.package.weight.data))
        self.assertEqual(self.package.parameters(), [self.package.weight])

    def test_assigned_weights(self):
        self.package.weight.data = np.arange(15.0).reshape(5, 3)  # float64
        self.package.bias.data = np.array([1.0, 2, 3])
        out = self.package(Tensor(np.ones((1, 5))))
        self.assertTrue(np.array_equal(out.data, [[31, 37, 43]]))
        self.assertEqual(out.data.dtype, np.float32)
        self.package.weight = Tensor(np.zeros((5, 3)))
        self.assertTrue(np.array_equal(self.package(Tensor(np.ones((1, 5)))).data, [[1, 2, 3]]))
        self.package.weight.data[0] += 1
        self.assertTrue(np.array_equal(self.package(Tensor(np.ones((1, 5)))).data, [[2, 3, 4]]))

    def test_signature_and_copies(self):
        names = list(inspect.signature(package.Linear).parameters)[:3]
        self.assertEqual(names, ["in_features", "out_features", "bias"])
        x = Tensor(np.random.randn(2, 5))
        for clone in (copy.deepcopy(self.package), pickle.loads(pickle.dumps(self.package))):
            self.assertTrue(np.array_equal(clone(x).data, self.package(x).data))
            clone.weight.data += 1
            self.assertFalse(np.array_equal(clone(x).data, self.package(x).data))
            self.assertTrue(clone.weight.requires_grad)


class TestDropout(unittest.TestCase):
    def test_same_as_own(self):
        x = Tensor(np.random.randn(50, 40), requires_grad=True)
        for p in (0.0, 0.2, 0.5, 0.9, 1.0):
            np.random.seed(3)
            expected = Dropout(p)(x)
            np.random.seed(3)
            result = package.Dropout(p)(x)
            self.assertTrue(np.allclose(result.data, expected.data, atol=1e-5), msg=str(p))
            self.assertTrue(result.requires_grad)
            self.assertEqual(repr(package.Dropout(p)), repr(Dropout(p)))

    def test_inference_is_identity(self):
        x = Tensor(np.ones((3, 3)))
        for p in (0.0, 0.5, 1.0):
            self.assertIs(package.Dropout(p)(x, training=False), x)
            self.assertIs(package.Dropout(p).forward(x, False), x)

    def test_bad_probability(self):
        for p in (-0.1, 1.5):
            for cls in (Dropout, package.Dropout):
                with self.assertRaisesRegex(ValueError, "Dropout probability"):
                    cls(p)

    def test_rate(self):
        kept = np.sum(package.Dropout(0.3)(Tensor(np.ones(10_000))).data != 0) / 10_000
        self.assertTrue(0.65 < kept < 0.75)
        self.assertEqual(package.Dropout(0.3).parameters(), [])


class TestLayers(unittest.TestCase):
    def test_base_class(self):
        for cls in (Layer, package.Layer):
            self.assertRaises(NotImplementedError, cls().forward, Tensor([1.0]))
            self.assertEqual(cls().parameters(), [])
            self.assertEqual(repr(cls()), "Layer()")

    def test_subclass_without_base_constructor(self):
        class Scale(package.Layer):
            def __init__(self, factor):
                self.factor = Tensor([factor], requires_grad=True)

            def forward(self, x, power=1, *, shift=0.0):
                for _ in range(power):
                    x = x * self.factor
                return x + shift

        layer = Scale(3.0)
        self.assertTrue(np.array_equal(layer(Tensor([1.0, 2]), 2, shift=1.0).data, [10, 19]))
        self.assertIs(layer.parameters()[0], layer.factor)
        self.assertEqual(repr(layer), "Scale()")

    def test_own_and_package_layers_mix(self):
        np.random.seed(0)
        model = Sequential(
            Linear(4, 8), ReLU(), package.Dropout(0.0), package.Linear(8, 2), Sigmoid()
        )
        out = model(Tensor(np.random.randn(3, 4)))
        self.assertEqual(out.shape, (3, 2))
        self.assertTrue(np.all((out.data > 0) & (out.data < 1)))
        self.assertEqual(sum(p.size for p in model.parameters()), 4 * 8 + 8 + 8 * 2 + 2)
        twin = package.Sequential(*model.layers)
        x = Tensor(np.ones((1, 4)))
        self.assertTrue(np.array_equal(twin(x).data, model(x).data))
        self.assertEqual(len(twin.parameters()), 4)


# %% [markdown]
# ## Systems: how the time grows
def analyze_layer_performance():
    timings = []
    for batch, width in ((1, 784), (32, 784), (512, 784)):
        layer = package.Linear(width, 256)
        x = Tensor(np.random.randn(batch, width))
        start = time.time()
        for _ in range(20):
            layer(x)
        timings.append((time.time() - start) / 20 * 1000)
        memory = sum(p.data.nbytes for p in layer.parameters())
        print(f"batch {batch:4d}: {timings[-1]:.3f} ms, {memory / 1024:.1f} KB")
    assert len(timings) == 3


if __name__ == "__main__":
    result = unittest.main(argv=["module"], exit=False, verbosity=0).result
    assert result.wasSuccessful()
    assert result.testsRun == 14
    analyze_layer_performance()
    print("module 03: all checks passed")
