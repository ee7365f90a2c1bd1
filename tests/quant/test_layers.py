"""The int8 layers of the engine: NumPy and Tensors in and out, states, errors."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import Conv2d, Linear, Tensor, _core
from tinytorch.nn.quantized import Conv2dInt8, LinearInt8

quant = _core.quant


def random(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def quantized_rows(x):
    """Codes and scales of each row, as the contract of the engine states them."""
    most = np.maximum(np.abs(x).max(axis=-1, keepdims=True), np.float32(2.0**-100))
    codes = np.clip(np.rint(x * (np.float32(127) / most)), -127, 127).astype(np.int64)
    return codes, most / np.float32(127)


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(0, 9),
    k=st.integers(1, 70),
    n=st.integers(1, 40),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_linear_is_the_integer_formula(m, k, n, bias, seed):
    w, b = random(n, k, seed=seed), random(n, seed=seed + 1) if bias else None
    x = random(m, k, seed=seed + 2)
    layer = quant.LinearInt8.from_float(w, b)
    codes, scales = quantized_rows(x)
    sums = (codes @ layer.weight.astype(np.int64).T).astype(np.float32)
    expected = sums * scales * layer.scales
    np.testing.assert_array_equal(layer(x), expected + b if bias else expected)


def test_linear_is_close_to_float():
    w, b, x = random(64, 300, scale=0.1), random(64), random(50, 300, seed=5)
    y = x @ w.T + b
    error = quant.LinearInt8.from_float(w, b)(x) - y
    assert np.sqrt(np.mean(error**2)) < 0.015 * np.sqrt(np.mean((y - b) ** 2))


def test_tensors_and_arrays():
    layer = quant.LinearInt8.from_float(random(4, 6))
    x = random(2, 3, 6)
    from_array = layer.forward(x)
    assert type(from_array) is np.ndarray
    assert from_array.shape == (2, 3, 4)
    t = Tensor(x, requires_grad=True)
    from_tensor = layer.forward(t)
    assert type(from_tensor) is Tensor
    assert not from_tensor.requires_grad
    np.testing.assert_array_equal(from_tensor.data, from_array)
    np.testing.assert_array_equal(layer(x.astype(np.float64)), from_array)
    np.testing.assert_array_equal(layer(x.tolist()), from_array)
    np.testing.assert_array_equal(layer(x[::-1, :, :]), from_array[::-1])


def test_properties_are_copies():
    layer = quant.LinearInt8.from_float(random(4, 6), random(4))
    before = layer(random(1, 6))
    layer.weight[...] = 0
    layer.scales[...] = 9
    layer.bias[...] = 9
    for part in layer.state().values():
        part[...] = 0
    np.testing.assert_array_equal(layer(random(1, 6)), before)


@pytest.mark.parametrize("input_scale", [0.0, 0.02])
def test_states_rebuild(input_scale):
    linear = quant.LinearInt8.from_float(random(4, 6), random(4), input_scale)
    conv = quant.Conv2dInt8.from_float(
        random(4, 3, 3, 2), None, (2, 1), 1, (1, 2), 1, input_scale=input_scale
    )
    for layer, x in ((linear, random(5, 6)), (conv, random(2, 3, 8, 9))):
        for other in (
            type(layer).from_state(layer.state()),
            pickle.loads(pickle.dumps(layer)),
            copy.deepcopy(layer),
        ):
            np.testing.assert_array_equal(other(x), layer(x))
            assert other.stored_bytes() == layer.stored_bytes()
            assert other.input_scale == np.float32(input_scale)


@pytest.mark.parametrize(
    ("break_state", "error"),
    [
        (lambda s: s.pop("scales"), ValueError),
        (lambda s: s.update(q_weight=s["q_weight"].astype(np.float32)), TypeError),
        (lambda s: s.update(q_weight=np.full((4, 6), -128, np.int8)), ValueError),
        (lambda s: s.update(scales=s["scales"] * np.float32(np.nan)), ValueError),
        (lambda s: s.update(scales=-s["scales"]), ValueError),
        (lambda s: s.update(scales=s["scales"][:3]), ValueError),
        (lambda s: s.update(bias=np.zeros(5, np.float32)), ValueError),
        (lambda s: s.update(input_scale=np.array([np.inf], np.float32)), ValueError),
    ],
)
def test_malformed_states(break_state, error):
    state = quant.LinearInt8.from_float(random(4, 6), random(4)).state()
    break_state(state)
    with pytest.raises(error):
        quant.LinearInt8.from_state(state)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, (2, 0)])
def test_conv_is_close_to_the_float_convolution(stride, padding):
    np.random.seed(1)
    conv = Conv2d(3, 10, 3, stride=stride, padding=padding)
    conv.bias.data = random(10)
    x = Tensor(random(4, 3, 11, 9))
    expected, got = conv(x).data, Conv2dInt8(conv)(x).data
    assert got.shape == expected.shape
    assert np.sqrt(np.mean((got - expected) ** 2)) < 0.02 * np.std(expected)


def test_conv_with_groups_equals_its_parts():
    w, x = random(6, 2, 3, 3), random(2, 4, 7, 7)
    whole = quant.Conv2dInt8.from_float(w, None, padding=1, groups=2, input_scale=0.03)(x)
    for g in range(2):
        part = quant.Conv2dInt8.from_float(w[3 * g : 3 * g + 3], padding=1, input_scale=0.03)
        np.testing.assert_array_equal(whole[:, 3 * g : 3 * g + 3], part(x[:, 2 * g : 2 * g + 2]))


def test_python_layers_describe_themselves():
    linear = LinearInt8(Linear(6, 4))
    assert repr(linear) == (
        "LinearInt8(in_features=6, out_features=4, bias=True, activations=dynamic)"
    )
    assert linear.weight.shape == (6, 4)
    assert linear.parameters() == []
    assert linear.count_parameters() == 28
    assert linear.stored_bytes() == 24 + 16 + 16
    conv = Conv2dInt8(Conv2d(2, 5, (3, 1), stride=2, padding=1, bias=False), 0.5)
    assert repr(conv) == (
        "Conv2dInt8(2, 5, kernel_size=(3, 1), stride=(2, 2), padding=(1, 1), bias=False, "
        "activations=static(0.5))"
    )
    assert conv.weight.shape == (5, 2, 3, 1)
    assert conv.count_parameters() == 30
    assert conv.stored_bytes() == 30 + 20 + 4
    with pytest.raises(AttributeError):
        _ = linear.no_such_name


def test_load_state_dict():
    first, second = LinearInt8(Linear(6, 4)), LinearInt8(Linear(6, 4))
    x = random(3, 6)
    state = first.state_dict()
    assert set(state) == {"q_weight", "scales", "bias"}
    second.load_state_dict(state)
    np.testing.assert_array_equal(second(x), first(x))
    with pytest.raises(ValueError, match="shape"):
        second.load_state_dict({**state, "scales": np.ones(3, np.float32)})
    np.testing.assert_array_equal(second(x), first(x))


def test_wrong_inputs():
    linear = LinearInt8(Linear(6, 4))
    with pytest.raises(ValueError, match="Inner dimensions must match"):
        linear(random(2, 5))
    with pytest.raises(ValueError, match="Expected 4D input"):
        Conv2dInt8(Conv2d(2, 5, 3))(random(2, 5))
    with pytest.raises(ValueError, match="channels"):
        Conv2dInt8(Conv2d(2, 5, 3))(random(1, 3, 8, 8))
    for bad in (np.nan, np.inf):
        layer = Linear(2, 2)
        layer.weight.data[0, 0] = bad
        with pytest.raises(ValueError, match="cannot quantize a weight"):
            LinearInt8(layer)


def test_a_row_that_is_not_finite_gives_nan_alone():
    x = random(3, 6)
    x[1, 2] = np.inf
    y = LinearInt8(Linear(6, 4))(x)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()
