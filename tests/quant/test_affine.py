"""Affine quantization and observers against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch import Tensor, _core

quant = _core.quant
finite = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=8), elements=finite))
def test_round_trip(x):
    low, high = quant.value_range(x)
    assert (low, high) == (x.min(), x.max())
    scale, zero_point = quant.choose_affine(low, high)
    assert -128 <= zero_point <= 127
    q = quant.quantize_affine(x, scale, zero_point)
    assert q.dtype == np.int8
    assert q.shape == x.shape
    back = quant.dequantize_affine(q, scale, zero_point)
    if low < high and scale != 1.0:
        # Rounding of the value, of the zero point, and of the scale to float32.
        assert np.abs(back - x).max() <= 1.01 * scale + 1e-30


@settings(max_examples=100, deadline=None)
@given(st.tuples(finite, finite).map(sorted))
def test_formula(ends):
    low, high = ends
    if low == high:
        assert quant.choose_affine(low, high) == (1.0, 0)
        return
    low, high = min(low, 0.0), max(high, 0.0)
    scale, zero_point = quant.choose_affine(*ends)
    expected = np.float32((high - low) / 255)
    if expected == 0:
        return
    assert scale == expected
    assert zero_point == np.clip(np.rint(-128 - low / float(expected)), -128, 127)


def test_ends_of_the_range():
    scale, zero_point = quant.choose_affine(-1.0, 1.0)
    q = quant.quantize_affine([-9.0, 0.0, 9.0, np.inf, -np.inf], scale, zero_point)
    assert q.tolist() == [-128, zero_point, 127, 127, -128]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad):
    with pytest.raises(ValueError, match="NaN"):
        quant.value_range([1.0, bad])
    with pytest.raises(ValueError, match="finite"):
        quant.choose_affine(bad, bad)
    with pytest.raises(ValueError, match="NaN"):
        quant.Observer().observe(np.array([bad], np.float32))


def test_observers():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(100_000).astype(np.float32)
    x[0] = 30.0
    seen = {}
    for method in ("minmax", "percentile", "mse"):
        observer = quant.Observer(method, 99.9)
        with pytest.raises(RuntimeError, match="seen no values"):
            observer.threshold()
        for part in np.split(x, 10):
            observer.observe(Tensor(part))
        seen[method] = observer.threshold()
        assert observer.scale() == pytest.approx(seen[method] / 127)
        assert (observer.count, observer.low, observer.high) == (x.size, x.min(), x.max())
    assert seen["minmax"] == 30.0
    assert seen["percentile"] == pytest.approx(np.percentile(np.abs(x), 99.9), rel=0.02)
    assert seen["percentile"] < seen["mse"] < 30.0

    def error(t):
        step = t / 127
        return np.mean((x - np.clip(np.rint(x / step), -127, 127) * step) ** 2)

    assert error(seen["mse"]) < 0.7 * error(30.0)
    assert error(seen["mse"]) <= 1.05 * min(error(t) for t in np.linspace(2, 30, 300))
    with pytest.raises(ValueError, match="minmax, percentile or mse"):
        quant.Observer("largest")
