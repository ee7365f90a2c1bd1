"""Reductions over axes, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import REAL, Case, Domain, axes_of, layouts, shapes, values
from .row import Row, largest


def reduced_count(case: Case) -> int:
    """Values added up per element of the result."""
    x, axis = case.arrays[0], case.options.get("axis")
    assert x is not None
    if axis is None:
        return max(x.size, 1)
    axes = (axis,) if isinstance(axis, int) else axis
    return max(int(np.prod([x.shape[a] for a in axes])), 1)


def over_axes(
    domain: Domain = REAL, min_side: int = 0, several: bool = True, **more: Any
) -> Callable:
    @st.composite
    def cases(draw: Callable, smooth: bool) -> Case:
        shape = draw(shapes(min_side=min_side, smooth=smooth))
        axis = draw(axes_of(len(shape)))
        if not several and isinstance(axis, tuple):
            axis = axis[0] if axis else None
        options = {"axis": axis, "keepdims": draw(st.booleans())}
        options |= {k: draw(v) for k, v in more.items()}
        return Case((draw(values(shape, domain, smooth)),), options, draw(layouts(1)))

    return cases


def torch_axes(x: Any, axis: Any) -> Any:
    """PyTorch reads an empty tuple as all axes, NumPy and we as none."""
    return tuple(range(x.ndim)) if axis is None else axis


def torch_reduction(function: Callable) -> Callable:
    def call(t: Any, x: Any, axis: Any, keepdims: bool, **options: Any) -> Any:
        dims = torch_axes(x, axis)
        if dims == ():
            return function(t, x.unsqueeze(0), (0,), False, **options)
        return function(t, x, dims, keepdims, **options)

    return call


def torch_prod(t: Any, x: Any, dims: Any, keepdims: bool) -> Any:
    dims = (dims,) if isinstance(dims, int) else dims
    for d in sorted((d % x.ndim for d in dims), reverse=True):
        x = x.prod(d, keepdim=keepdims)
    return x


def torch_arg(name: str) -> Callable:
    def call(t: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        found = getattr(t, name)(x, dim=axis, keepdim=keepdims and axis is not None)
        return found.reshape((1,) * x.ndim) if keepdims and axis is None else found

    return call


@st.composite
def spread_cases(draw: Callable, smooth: bool) -> Case:
    case = draw(
        over_axes(min_side=1, correction=st.sampled_from([0.0, 1.0]))(smooth).filter(
            lambda c: reduced_count(c) >= 2
        )
    )
    # Distinct values: the standard deviation has no gradient where the variance is 0.
    x = draw(values(case.arrays[0].shape, smooth=True)) if not smooth else case.arrays[0]
    return Case((x,), case.options, case.layouts)


def numpy_logsumexp(x: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    if x.size == 0 or reduced_count(Case((x,), {"axis": axis})) == 0:
        with np.errstate(divide="ignore"):
            return np.log(np.exp(x).sum(axis, keepdims=keepdims))
    top = x.max(axis, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis, keepdims=True)) + top
    return total if keepdims else total.reshape(x.sum(axis).shape)


@st.composite
def cumsum_cases(draw: Callable, smooth: bool) -> Case:
    shape = draw(shapes(min_dims=1, smooth=smooth))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return Case((draw(values(shape, smooth=smooth)),), {"axis": axis}, draw(layouts(1)))


SUMMED = {"terms": reduced_count, "magnitude": largest}

ROWS = [
    Row(
        "sum",
        over_axes(),
        lambda x, axis, keepdims: x.sum(axis, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k: x.sum(d, keepdim=k)),
        **SUMMED,
    ),
    Row(
        "mean",
        over_axes(min_side=1),
        lambda x, axis, keepdims: x.mean(axis, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k: x.mean(d, keepdim=k)),
        **SUMMED,
    ),
    Row(
        "prod",
        over_axes(Domain(-1.5, 1.5)),
        lambda x, axis, keepdims: x.prod(axis, keepdims=keepdims),
        torch_reduction(torch_prod),
        terms=reduced_count,
    ),
    Row(
        "max",
        over_axes(min_side=1),
        lambda x, axis, keepdims: x.max(axis, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k: x.amax(d, keepdim=k)),
    ),
    Row(
        "min",
        over_axes(min_side=1),
        lambda x, axis, keepdims: x.min(axis, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k: x.amin(d, keepdim=k)),
    ),
    Row(
        "var",
        spread_cases,
        lambda x, axis, correction, keepdims: x.var(axis, ddof=correction, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k, correction: x.var(d, correction=correction, keepdim=k)),
        terms=reduced_count,
        magnitude=lambda c: largest(c) ** 2,
    ),
    Row(
        "std",
        spread_cases,
        lambda x, axis, correction, keepdims: x.std(axis, ddof=correction, keepdims=keepdims),
        torch_reduction(lambda t, x, d, k, correction: x.std(d, correction=correction, keepdim=k)),
        terms=reduced_count,
        magnitude=largest,
        grad_ulps=64,  # values 1/256 apart: dividing by their deviation makes errors grow
    ),
    Row(
        "logsumexp",
        over_axes(Domain(-30.0, 30.0), min_side=1),
        numpy_logsumexp,
        torch_reduction(lambda t, x, d, k: x.logsumexp(d, keepdim=k)),
        magnitude=largest,
        terms=reduced_count,
    ),
    Row(
        "cumsum",
        cumsum_cases,
        lambda x, axis: x.cumsum(axis),
        lambda t, x, axis: x.cumsum(axis),
        **SUMMED,
    ),
    Row(
        "argmax",
        over_axes(min_side=1, several=False),
        lambda x, axis, keepdims: np.argmax(x, axis, keepdims=keepdims),
        torch_arg("argmax"),
        gradients=(),
    ),
    Row(
        "argmin",
        over_axes(min_side=1, several=False),
        lambda x, axis, keepdims: np.argmin(x, axis, keepdims=keepdims),
        torch_arg("argmin"),
        gradients=(),
    ),
]
