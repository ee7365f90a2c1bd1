"""Quantization under the course's names (contract 17, 23, 27)."""

import numpy as np
import pytest

from tinytorch import Linear, ReLU, Tensor
from tinytorch.capstone import SimpleMLP
from tinytorch.optimization import quantization as legacy
from tinytorch.perf import quantization
from tinytorch.perf.quantization import (
    QuantizedLinear,
    Quantizer,
    compare_model_sizes,
    dequantize_int8,
    quantize_int8,
    quantize_model,
)


class Stack:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x


def test_constants():
    assert (quantization.INT8_MIN_VALUE, quantization.INT8_MAX_VALUE) == (-128, 127)
    assert quantization.INT8_RANGE == 256
    assert quantization.EPSILON == 1e-8
    assert quantization.BYTES_PER_FLOAT32 == 4
    assert quantization.BYTES_PER_INT8 == 1
    assert quantization.MB_TO_BYTES == 2**20


def test_older_path_has_the_same_objects():
    for name in ("quantize_int8", "dequantize_int8", "quantize_model", "QuantizedLinear"):
        assert getattr(legacy, name) is getattr(quantization, name)
    assert legacy.QuantizationComplete is Quantizer


def test_round_trip():
    x = Tensor([[-1.5, 0.0, 3.2], [0.7, -0.2, 2.9]])
    q, scale, zero_point = quantize_int8(x)
    assert isinstance(q, Tensor)
    assert type(scale) is float
    assert type(zero_point) is int
    assert q.data.dtype == np.float32
    assert np.array_equal(q.data, np.rint(q.data))
    assert q.data.min() == -128
    assert q.data.max() == 127
    assert scale == pytest.approx(4.7 / 255)
    back = dequantize_int8(q, scale, zero_point)
    assert np.abs(back.data - x.data).max() <= scale
    assert back.data[0, 1] == 0.0


def test_constant_and_far_ranges():
    for value in (0.0, 5.0, -2.0):
        q, scale, zero_point = quantize_int8(Tensor(np.full((2, 2), value)))
        assert (scale, zero_point) == (1.0, 0)
        assert not q.data.any()
    x = Tensor(np.linspace(10, 11, 50))
    back = dequantize_int8(*quantize_int8(x))
    assert np.abs(back.data - x.data).max() < 0.05
    assert len(np.unique(back.data)) > 20


def test_not_finite():
    with pytest.raises(ValueError, match="NaN"):
        quantize_int8(Tensor([1.0, np.nan]))
    assert quantize_int8(Tensor(np.zeros((0, 3))))[1:] == (1.0, 0)


def test_summary_of_a_model():
    np.random.seed(0)
    model = Stack(Linear(6, 4), ReLU(), Linear(4, 2, bias=False))
    before = model.layers[0].weight.data.copy()
    info = quantize_model(model)
    assert list(info["quantized_layers"]) == ["param_0", "param_1", "param_2"]
    first = info["quantized_layers"]["param_0"]
    assert set(first) == {"quantized", "scale", "zero_point", "original_shape"}
    assert first["original_shape"] == (6, 4)
    assert info["compression_ratio"] == 4.0
    assert info["original_size_mb"] == (24 + 4 + 8) * 4 / 2**20
    assert info["quantized_size_mb"] == (24 + 4 + 8) / 2**20
    np.testing.assert_array_equal(model.layers[0].weight.data, before)
    sizes = Quantizer.compare_models(model, info)
    assert sizes["compression_ratio"] == 4.0
    assert sizes["memory_saved_mb"] == sizes["original_mb"] - sizes["quantized_mb"]
    assert len(Quantizer.quantize_model(SimpleMLP())["quantized_layers"]) == 4


def test_bits_give_a_model():
    np.random.seed(0)
    model = SimpleMLP()
    small = quantize_model(model, bits=8)
    x = Tensor(np.random.randn(5, 10))
    assert np.abs(small.forward(x).data - model.forward(x).data).max() < 0.01
    assert small.count_parameters() == 283
    assert small.parameters() == []
    calibrated = quantize_model(model, [x], bits=8)
    assert np.abs(calibrated.forward(x).data - model.forward(x).data).max() < 0.01
    with pytest.raises(ValueError, match="bits"):
        quantize_model(model, bits=3)


def layer(bias=True):
    np.random.seed(1)
    linear = Linear(16, 8, bias=bias)
    if bias:
        linear.bias.data = np.random.randn(8) * 0.1
    return linear


def test_quantized_linear_fields():
    linear = layer()
    q = QuantizedLinear(linear)
    assert q.original_layer is linear
    assert q.q_weight.shape == (16, 8)
    assert q.input_scale is None
    assert q.input_zero_point is None
    back = dequantize_int8(q.q_weight, q.weight_scale, q.weight_zero_point)
    assert np.abs(back.data - linear.weight.data).max() <= q.weight_scale
    parameters = q.parameters()
    assert parameters[0] is q.q_weight
    assert parameters[1] is q.q_bias
    without = QuantizedLinear(layer(bias=False))
    assert (without.q_bias, without.bias_scale, without.bias_zero_point) == (None, None, None)
    assert without.parameters()[0] is without.q_weight
    assert len(without.parameters()) == 1


@pytest.mark.parametrize("bias", [True, False])
def test_quantized_linear_computes(bias):
    linear = layer(bias)
    q = QuantizedLinear(linear)
    for shape in ((16,), (5, 16), (2, 3, 16)):
        x = Tensor(np.random.default_rng(2).standard_normal(shape))
        expected = linear.forward(x).data
        for y in (q.forward(x), q(x)):
            assert isinstance(y, Tensor)
            assert y.shape == expected.shape
            assert not y.requires_grad
            assert np.mean(np.abs(y.data - expected)) < 0.05


def test_calibration():
    linear = layer()
    q = QuantizedLinear(linear)
    samples = [Tensor(np.random.default_rng(i).uniform(-1, 2, (4, 16))) for i in range(3)]
    q.calibrate(samples)
    low = min(0, *(float(s.data.min()) for s in samples))
    high = max(0, *(float(s.data.max()) for s in samples))
    assert q.input_scale == pytest.approx((high - low) / 255)
    assert isinstance(q.input_zero_point, int)
    expected = linear.forward(samples[0]).data
    assert np.mean(np.abs(q.forward(samples[0]).data - expected)) < 0.05
    # Beyond the calibrated range inputs saturate.
    far = Tensor(np.full((1, 16), 100.0))
    near = Tensor(np.full((1, 16), max(high, -low)))
    assert np.abs(q.forward(far).data - q.forward(near).data).max() < 0.1
    with pytest.raises(ValueError, match="at least one sample"):
        QuantizedLinear(linear).calibrate([])


def test_replaced_fields_are_used():
    q = QuantizedLinear(layer())
    x = Tensor(np.random.randn(3, 16))
    before = q.forward(x).data.copy()
    q.weight_scale = q.weight_scale * 2
    q.q_bias = Tensor(np.full(8, q.bias_zero_point))
    assert np.allclose(q.forward(x).data, 2 * (before - q_bias_of(layer())), atol=0.05)


def q_bias_of(linear):
    q, scale, zero_point = quantize_int8(linear.bias)
    return dequantize_int8(q, scale, zero_point).data


def test_memory():
    usage = QuantizedLinear(layer()).memory_usage()
    assert usage["original_bytes"] == (128 + 8) * 4
    assert usage["quantized_bytes"] == 128 + 8 + 8
    assert usage["compression_ratio"] == pytest.approx(544 / 144)


def test_compare_sizes():
    original = Stack(Linear(16, 8), ReLU(), Linear(8, 2))
    quantized = Stack(
        *[QuantizedLinear(one) if isinstance(one, Linear) else one for one in original.layers]
    )
    sizes = compare_model_sizes(original, quantized)
    assert sizes["original_params"] == sizes["quantized_params"] == 136 + 18
    assert sizes["original_bytes"] == 154 * 4
    assert sizes["quantized_bytes"] == 154 + 16
    assert sizes["memory_saved_percent"] == pytest.approx(100 * (616 - 170) / 616)
    assert sizes["compression_ratio"] == pytest.approx(616 / 170)
    assert sizes["memory_saved_mb"] == pytest.approx(446 / 2**20)
