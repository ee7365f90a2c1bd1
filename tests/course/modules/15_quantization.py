"""Module 15: affine int8 in plain NumPy, on the package's layers and beside its quantizer."""

# %%
import copy

import numpy as np

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor
from tinytorch.perf import quantization as package
from tinytorch.perf.profiling import Profiler


# %%
def quantize_int8(tensor):
    data = tensor.data
    # The range holds 0, so that 0 is exact and a range far from it keeps its resolution.
    low, high = min(0.0, float(data.min())), max(0.0, float(data.max()))
    if data.min() == data.max():
        return Tensor(np.zeros_like(data)), 1.0, 0
    scale = (high - low) / 255
    zero_point = int(np.clip(np.round(-128 - low / scale), -128, 127))
    quantized = np.clip(np.round(data / scale + zero_point), -128, 127).astype(np.int8)
    return Tensor(quantized), scale, zero_point


def dequantize_int8(q_tensor, scale, zero_point):
    return Tensor((q_tensor.data - zero_point) * scale)


class QuantizedLinear:
    def __init__(self, linear_layer):
        self.original_layer = linear_layer
        self.q_weight, self.weight_scale, self.weight_zero_point = quantize_int8(
            linear_layer.weight
        )
        self.q_bias = None
        if linear_layer.bias is not None:
            self.q_bias, self.bias_scale, self.bias_zero_point = quantize_int8(linear_layer.bias)

    def forward(self, x):
        weight = dequantize_int8(self.q_weight, self.weight_scale, self.weight_zero_point)
        out = x.matmul(weight)
        if self.q_bias is not None:
            out = out + dequantize_int8(self.q_bias, self.bias_scale, self.bias_zero_point)
        return out

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        return [self.q_weight] if self.q_bias is None else [self.q_weight, self.q_bias]

    def memory_usage(self):
        elements = sum(p.size for p in self.parameters())
        return {
            "original_bytes": elements * 4,
            "quantized_bytes": elements + 8,
            "compression_ratio": elements * 4 / (elements + 8),
        }


class SimpleModel:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def quantize_model(model, calibration_data=None):
    """The lesson's own: each Linear gives way to a quantized one, in place."""
    for i, layer in enumerate(model.layers):
        if isinstance(layer, Linear):
            model.layers[i] = QuantizedLinear(layer)


# %%
def make_model(seed=0):
    np.random.seed(seed)
    model = SimpleModel(Linear(16, 32), ReLU(), Linear(32, 4))
    model.layers[0].name, model.layers[2].name = "hidden", "out"
    for layer in (model.layers[0], model.layers[2]):
        layer.weight = Tensor(np.random.randn(*layer.weight.shape) * 0.1, requires_grad=True)
        layer.bias = Tensor(np.random.randn(layer.bias.size) * 0.1, requires_grad=True)
    return model


def test_unit_quantize_tensor():
    rng = np.random.default_rng(1)
    sources = [
        [-1.0, 0, 2, 3], [[-1.5, 0.2, 2.8], [0.7, -0.3, 3.2]], rng.normal(size=(40, 7)),
        [0.0, 1.0], [-5.0, -1.0], [10.0, 11.0], rng.uniform(0, 6, 1000),
    ]  # fmt: skip
    for source in sources:
        x = Tensor(source)
        own_q, own_scale, own_zero = quantize_int8(x)
        for function in (package.quantize_int8, package.Quantizer.quantize_tensor):
            q, scale, zero = function(x)
            assert isinstance(q, Tensor)
            assert isinstance(scale, float)
            assert isinstance(zero, int)
            assert np.isclose(scale, own_scale, rtol=1e-5)
            assert zero == own_zero
            assert np.abs(q.data - own_q.data).max() <= 1
            assert np.array_equal(q.data, np.round(q.data))
            assert q.data.min() >= package.INT8_MIN_VALUE
            assert q.data.max() <= package.INT8_MAX_VALUE
        restored = package.dequantize_int8(q, scale, zero)
        assert np.allclose(restored.data, dequantize_int8(q, scale, zero).data, atol=1e-6)
        assert np.mean(np.abs(restored.data - x.data)) < 0.6 * own_scale
        assert restored.data.dtype == np.float32
    for constant in (0.0, 3.5, -2.0):
        q, scale, zero = package.quantize_int8(Tensor(np.full((2, 2), constant)))
        assert (scale, zero) == (1.0, 0)
        assert np.all(q.data == 0)


def test_unit_quantized_linear():
    np.random.seed(3)
    linear = Linear(16, 8)
    linear.weight.data = np.random.randn(16, 8) * 0.1
    linear.bias.data[:] = np.random.randn(8) * 0.1
    own, other = QuantizedLinear(linear), package.QuantizedLinear(linear)
    assert other.original_layer is linear
    assert np.abs(own.q_weight.data - other.q_weight.data).max() <= 1
    assert np.isclose(own.weight_scale, other.weight_scale)
    assert own.memory_usage() == other.memory_usage()
    assert len(other.parameters()) == 2
    assert other.input_scale is None
    for shape in ((1, 16), (5, 16), (2, 3, 16)):
        x = Tensor(np.random.randn(*shape))
        expected = linear(x).data
        for layer in (own, other):
            out = layer(x)
            assert out.shape == expected.shape
            assert np.mean(np.abs(out.data - expected)) < 0.1
    other.calibrate([Tensor(np.random.randn(4, 16)) for _ in range(3)])
    assert other.input_scale > 0
    assert other.input_zero_point is not None
    assert np.mean(np.abs(other.forward(x).data - expected)) < 0.1
    no_bias = package.QuantizedLinear(Linear(4, 4, bias=False))
    assert no_bias.q_bias is no_bias.bias_scale is no_bias.bias_zero_point is None
    assert len(no_bias.parameters()) == 1


def test_unit_quantize_model():
    model = make_model()
    x = Tensor(np.random.randn(6, 16))
    before = model.forward(x).data.copy()
    info = package.quantize_model(model)
    assert np.array_equal(model.forward(x).data, before), "the exported one leaves the model alone"
    assert info["compression_ratio"] == 4.0
    assert list(info["quantized_layers"]) == [f"param_{i}" for i in range(4)]
    for parameter, entry in zip(model.parameters(), info["quantized_layers"].values(), strict=True):
        assert entry["original_shape"] == parameter.shape
        restored = package.dequantize_int8(entry["quantized"], entry["scale"], entry["zero_point"])
        assert np.abs(restored.data - parameter.data).max() <= entry["scale"]
    count = Profiler().count_parameters(model)
    assert np.isclose(info["original_size_mb"], count * 4 / package.MB_TO_BYTES)
    assert np.isclose(info["quantized_size_mb"], count / package.MB_TO_BYTES)
    compared = package.Quantizer.compare_models(model, info)
    assert np.isclose(compared["memory_saved_mb"], count * 3 / package.MB_TO_BYTES)

    original = copy.deepcopy(model)
    quantize_model(model)
    assert type(model.layers[0]) is QuantizedLinear
    assert isinstance(model.layers[1], ReLU)
    after = model.forward(x).data
    assert np.mean(np.abs(after - before)) < 0.1
    assert np.mean(after.argmax(1) == before.argmax(1)) > 0.8
    sizes = package.compare_model_sizes(original, model)
    assert sizes["original_params"] == sizes["quantized_params"] == count
    assert sizes["original_bytes"] == count * 4
    assert sizes["quantized_bytes"] == count + 16
    assert 3.5 < sizes["compression_ratio"] < 4
    assert 70 < sizes["memory_saved_percent"] < 75


# %% [markdown]
# ## Ours within own models, weights edited afterwards, a subclass
def test_idioms():
    model = make_model()
    x = Tensor(np.random.randn(3, 16))
    expected = model.forward(x).data
    model.layers = [package.QuantizedLinear(layer) if isinstance(layer, Linear) else layer
                    for layer in model.layers]  # fmt: skip
    assert np.mean(np.abs(model.forward(x).data - expected)) < 0.1
    first = model.layers[0]
    first.q_weight = Tensor(np.full(first.q_weight.shape, float(first.weight_zero_point)))
    first.q_bias, first.bias_scale, first.bias_zero_point = package.quantize_int8(
        Tensor(np.zeros(32))
    )
    assert np.allclose(first(x).data, 0, atol=1e-5), "replaced weights are used"

    class Rounded(package.QuantizedLinear):
        def forward(self, x):
            return Tensor(np.round(super().forward(x).data, 1))

    layer = Rounded(Linear(4, 2))
    out = layer(Tensor(np.ones((1, 4))))
    assert np.allclose(out.data * 10, np.round(out.data * 10), atol=1e-4)
    from tinytorch.optimization.quantization import QuantizationComplete

    assert QuantizationComplete is package.Quantizer


def test_module():
    test_unit_quantize_tensor()
    test_unit_quantized_linear()
    test_unit_quantize_model()
    test_idioms()
    print("module 15: all checks passed")


if __name__ == "__main__":
    test_module()
