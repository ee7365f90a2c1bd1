"""Module 02: activations in plain NumPy on the package's Tensor."""

# %% [markdown]
# # Module 02: Activations
# Without them a deep network is one linear layer.

# %%
import threading

import numpy as np

from tinytorch.core import activations as package
from tinytorch.core.tensor import Tensor

TOLERANCE = 1e-10


# %%
class Sigmoid:
    def parameters(self):
        return []

    def forward(self, x: Tensor) -> Tensor:
        z = np.clip(x.data, -500, 500)
        result_data = np.zeros_like(z)
        pos_mask = z >= 0
        result_data[pos_mask] = 1.0 / (1.0 + np.exp(-z[pos_mask]))
        neg_mask = z < 0
        exp_z = np.exp(z[neg_mask])
        result_data[neg_mask] = exp_z / (1.0 + exp_z)
        return Tensor(result_data, requires_grad=x.requires_grad)

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def backward(self, grad: Tensor) -> Tensor:
        pass  # comes in module 05


class ReLU:
    def parameters(self):
        return []

    def forward(self, x: Tensor) -> Tensor:
        return Tensor(np.maximum(0, x.data))

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)


class Tanh:
    def parameters(self):
        return []

    def forward(self, x: Tensor) -> Tensor:
        return Tensor(np.tanh(x.data))

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)


class GELU:
    def parameters(self):
        return []

    def forward(self, x: Tensor) -> Tensor:
        return Tensor(x.data * (1.0 / (1.0 + np.exp(-1.702 * x.data))))

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)


class Softmax:
    """Written with the Tensor's own operators where it has them."""

    def parameters(self):
        return []

    def forward(self, x: Tensor, dim: int = -1) -> Tensor:
        x_max = Tensor(np.max(x.data, axis=dim, keepdims=True), requires_grad=False)
        x_shifted = x - x_max
        exp_values = Tensor(np.exp(x_shifted.data), requires_grad=x_shifted.requires_grad)
        exp_sum = Tensor(
            np.sum(exp_values.data, axis=dim, keepdims=True), requires_grad=exp_values.requires_grad
        )
        return exp_values / exp_sum

    def __call__(self, x: Tensor, dim: int = -1) -> Tensor:
        return self.forward(x, dim)


OWN = {cls.__name__: cls for cls in (Sigmoid, ReLU, Tanh, GELU, Softmax)}


# %%
def inputs():
    rng = np.random.default_rng(2)
    return [
        np.array([-2.0, -1, 0, 1, 2]),
        np.array([[1.0, 2, 3], [0, -1, 30]]),
        rng.normal(size=(2, 3, 4)) * 3,
        np.float64(0.5),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.arange(-3, 4),
        rng.normal(size=100_001),
    ]


def test_same_as_package():
    for name, cls in OWN.items():
        own, other = cls(), getattr(package, name)()
        assert type(other).__name__ == name
        for source in inputs():
            if name == "Softmax" and (np.ndim(source) == 0 or np.size(source) == 0):
                continue
            x = Tensor(source)
            for result in (other(x), other.forward(x)):
                assert isinstance(result, Tensor)
                assert result.shape == x.shape
                assert result.data.dtype == np.float32
                assert np.allclose(result.data, own(x).data, atol=2e-6), name
        assert other.parameters() == [] == own.parameters()
        assert other.backward(Tensor([1.0])) is None
        assert np.array_equal(x.data, Tensor(inputs()[-1]).data), "the input stays as it was"
    assert package.TOLERANCE == TOLERANCE


def test_unit_sigmoid():
    sigmoid = package.Sigmoid()
    assert np.allclose(sigmoid(Tensor([0.0])).data, [0.5])
    extreme = sigmoid(Tensor([-1000.0, 1000]))
    assert np.array_equal(extreme.data, [0, 1])
    x = Tensor(np.linspace(-10, 10, 101))
    y, mirrored = sigmoid(x), sigmoid(Tensor(-x.data))
    assert np.all(y.data > 0)
    assert np.all(y.data < 1)
    assert np.allclose(mirrored.data, 1 - y.data, atol=1e-6)


def test_unit_relu_and_gelu():
    relu, gelu = package.ReLU(), package.GELU()
    assert np.array_equal(relu(Tensor([-2.0, 0, 3])).data, [0, 0, 3])
    assert np.isnan(relu(Tensor([np.nan])).data[0])
    assert abs(gelu(Tensor([0.0])).data[0]) < TOLERANCE
    assert gelu(Tensor([1.0])).data[0] > 0.8
    assert -0.2 < gelu.forward(Tensor([-1.0])).data[0] < 0
    sparsity = np.sum(relu(Tensor(np.random.randn(1000))).data == 0) / 1000
    print(f"ReLU sparsity: {sparsity:.1%}")
    assert 0.3 < sparsity < 0.7


def test_unit_softmax():
    softmax = package.Softmax()
    result = softmax(Tensor([1000.0, 1001.0, 1002.0]))
    assert not np.any(np.isnan(result.data))
    assert np.allclose(np.sum(result.data), 1.0, atol=1e-6)
    x = np.random.default_rng(5).normal(size=(2, 3, 4))
    for dim in (0, 1, 2, -1, -2):
        ours = Softmax()(Tensor(x), dim)
        for theirs in (softmax(Tensor(x), dim), softmax(Tensor(x), dim=dim)):
            assert np.allclose(theirs.data, ours.data, atol=1e-6)
            assert np.allclose(theirs.data.sum(axis=dim), 1.0, atol=1e-6)
    shifted = softmax(Tensor(x + 100.0))
    assert np.allclose(shifted.data, softmax(Tensor(x)).data, atol=1e-5)


# %% [markdown]
# ## Attributes, subclasses, threads
def test_idioms():
    relu = package.ReLU()
    relu.name = "act"
    assert vars(relu)["name"] == "act"

    class LeakyReLU(package.ReLU):
        def __init__(self, slope=0.1):
            self.slope = slope

        def forward(self, x):
            positive = super().forward(x)
            return positive + Tensor(np.minimum(0, x.data) * self.slope)

    assert np.allclose(LeakyReLU()(Tensor([-1.0, 2])).data, [-0.1, 2])
    square = lambda x: x * x  # noqa: E731  (as students write it)
    layers = [package.Tanh(), square, package.Sigmoid(), lambda x: x + np.float64(1)]
    x = Tensor([[0.5, -0.5]])
    for layer in layers:
        x = layer(x)
    assert np.allclose(x.data, 1 + 1 / (1 + np.exp(-(np.tanh([[0.5, -0.5]]) ** 2))), atol=1e-6)
    for flag in (True, False):
        for name in OWN:
            tensor = Tensor([1.0, -1], requires_grad=flag)
            assert getattr(package, name)()(tensor).requires_grad is flag
    original = package.Tanh.forward
    package.Tanh.forward = lambda self, x: Tensor(np.zeros(x.shape))
    try:
        assert not np.any(package.Tanh()(Tensor([5.0])).data)
    finally:
        package.Tanh.forward = original


def test_threads():
    x = Tensor(np.random.default_rng(0).normal(size=(200, 200)))
    expected = Softmax()(x).data
    failures = []

    def work():
        for _ in range(5):
            if not np.allclose(package.Softmax()(x).data, expected, atol=1e-6):
                failures.append(threading.get_ident())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_module():
    test_same_as_package()
    test_unit_sigmoid()
    test_unit_relu_and_gelu()
    test_unit_softmax()
    test_idioms()
    test_threads()
    print("module 02: all checks passed")


if __name__ == "__main__":
    test_module()
