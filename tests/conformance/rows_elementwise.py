"""Elementwise operators: functions of one array, arithmetic and comparisons of two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import POSITIVE, REAL, Case, Domain, broadcast_shapes, layouts, masks, simple, values
from .row import Row

WIDE = Domain(-9.0, 9.0)  # far enough for the tails of the saturating functions
erf = np.vectorize(math.erf, otypes=[np.float64])


def logistic(x: np.ndarray) -> np.ndarray:
    z = np.exp(-np.abs(x))
    return np.where(x < 0, z / (1 + z), 1 / (1 + z))


def unary(name: str, numpy: Callable, torch: Callable, domain: Domain = REAL, **row: Any) -> Row:
    return Row(name, simple(domain), numpy, torch, **row)


def sliced(name: str, numpy: Callable, torch: Callable, option: str) -> Row:
    """A function with a slope option, given by name and left out."""
    options = {option: st.sampled_from([0.01, 0.3, 1.0])}
    return Row(name, simple(WIDE, **options), numpy, torch)


UNARY = [
    unary("neg", np.negative, lambda t, x: -x),
    unary("abs", np.abs, lambda t, x: x.abs()),
    unary("sign", np.sign, lambda t, x: x.sign()),
    unary("square", np.square, lambda t, x: x.square()),
    unary("sqrt", np.sqrt, lambda t, x: x.sqrt(), POSITIVE),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda t, x: x.rsqrt(), POSITIVE),
    unary("reciprocal", lambda x: 1 / x, lambda t, x: x.reciprocal(), POSITIVE),
    unary("exp", np.exp, lambda t, x: x.exp(), WIDE),
    unary("log", np.log, lambda t, x: x.log(), POSITIVE, magnitude=lambda c: 1e-3),
    # sin and cos reduce their argument: near their zeros the error is relative to 1.
    unary("sin", np.sin, lambda t, x: x.sin(), WIDE, magnitude=lambda c: 1e-2),
    unary("cos", np.cos, lambda t, x: x.cos(), WIDE, magnitude=lambda c: 1e-2),
    unary("tanh", np.tanh, lambda t, x: x.tanh(), WIDE),
    unary("erf", erf, lambda t, x: x.erf()),
    unary("sigmoid", logistic, lambda t, x: x.sigmoid(), WIDE),
    unary("relu", lambda x: np.maximum(x, 0), lambda t, x: x.relu()),
    sliced(
        "leaky_relu",
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        lambda t, x, negative_slope: t.nn.functional.leaky_relu(x, negative_slope),
        "negative_slope",
    ),
    sliced(
        "elu",
        lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        lambda t, x, alpha: t.nn.functional.elu(x, alpha),
        "alpha",
    ),
    # The gelu family and silu multiply x by something that cancels towards 0 on the far left.
    unary(
        "gelu",
        lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
        lambda t, x: t.nn.functional.gelu(x),
        magnitude=lambda c: 1.0,
    ),
    unary(
        "gelu_tanh",
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
        magnitude=lambda c: 1.0,
    ),
    unary(
        "gelu_sigmoid",
        lambda x: x * logistic(1.702 * x),
        lambda t, x: x * t.sigmoid(1.702 * x),
        WIDE,
        ulps=16,  # the exponential makes an error in 1.702 x grow by |1.702 x|
    ),
    unary("silu", lambda x: x * logistic(x), lambda t, x: t.nn.functional.silu(x), WIDE),
    unary(
        "softplus",
        lambda x: np.logaddexp(0, x),
        lambda t, x: t.logaddexp(x, t.zeros_like(x)),
        WIDE,
    ),
]


def binary(name: str, numpy: Callable, torch: Callable, *domains: Domain, **row: Any) -> Row:
    return Row(name, simple(*(domains or (REAL, REAL))), numpy, torch, gradients=(0, 1), **row)


ARITHMETIC = [
    binary("add", np.add, lambda t, a, b: a + b),
    binary("sub", np.subtract, lambda t, a, b: a - b),
    binary("mul", np.multiply, lambda t, a, b: a * b),
    binary("div", np.divide, lambda t, a, b: a / b, REAL, POSITIVE),
    binary("maximum", np.maximum, lambda t, a, b: t.maximum(a, b)),
    binary("minimum", np.minimum, lambda t, a, b: t.minimum(a, b)),
    # An error of the logarithm grows by the exponent.
    binary("pow", np.power, lambda t, a, b: a**b, POSITIVE, REAL, ulps=16, grad_ulps=32),
]


def comparison(name: str, function: Callable) -> Row:
    return Row(
        name,
        simple(REAL, REAL),
        function,
        lambda t, a, b: getattr(t, name)(a, b),
        gradients=(),
    )


COMPARISONS = [
    comparison("eq", np.equal),
    comparison("ne", np.not_equal),
    comparison("lt", np.less),
    comparison("le", np.less_equal),
    comparison("gt", np.greater),
    comparison("ge", np.greater_equal),
]


@st.composite
def where_cases(draw: Callable, smooth: bool) -> Case:
    c, a, b = draw(broadcast_shapes(3, smooth))
    return Case(
        (draw(masks(c)), draw(values(a, smooth=smooth)), draw(values(b, smooth=smooth, slot=1))),
        layouts=draw(layouts(3)),
    )


BOUNDS = st.sampled_from([None, -1.0, 0.0, 0.5, 2.0])


def clip(x: np.ndarray, min: float | None, max: float | None) -> np.ndarray:
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def torch_clip(t: Any, x: Any, min: float | None, max: float | None) -> Any:
    return x * 1 if min is None and max is None else t.clamp(x, min, max)


def torch_dtype(t: Any, dtype: str) -> Any:
    return getattr(t, dtype)


OTHERS = [
    Row(
        "where",
        where_cases,
        np.where,
        lambda t, c, a, b: t.where(c, a, b),
        gradients=(1, 2),
    ),
    Row(
        "clip",
        simple(REAL, min=BOUNDS, max=BOUNDS),
        clip,
        torch_clip,
        torch_ok=lambda c: None in c.options.values() or c.options["min"] <= c.options["max"],
    ),
    Row(
        "astype",
        simple(REAL, dtype=st.sampled_from(["float32", "float64", "int64", "int8", "bool"])),
        lambda x, dtype: x.astype(dtype),
        lambda t, x, dtype: x.to(torch_dtype(t, dtype)),
    ),
]

ROWS = [*UNARY, *ARITHMETIC, *COMPARISONS, *OTHERS]
