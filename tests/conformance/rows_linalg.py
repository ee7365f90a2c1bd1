"""Matrix products: matmul, linear, einsum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from .cases import Case, broadcast_shapes, layouts, values
from .row import Row, largest

SIDES = st.sampled_from([2, 3, 1, 5, 0])
LONG = st.sampled_from([2, 3, 1, 5, 0, 17, 64, 400])


def squared(case: Case) -> float:
    return largest(case) ** 2


@st.composite
def matmul_cases(draw: Callable, smooth: bool) -> Case:
    m, n = draw(SIDES), draw(SIDES)
    k = draw(SIDES.filter(bool) if smooth else LONG)
    a, b = draw(broadcast_shapes(2, smooth, max_dims=2)) if draw(st.booleans()) else ((), ())
    left = (k,) if draw(st.integers(0, 4)) == 0 else (*a, m, k)
    right = (k,) if draw(st.integers(0, 4)) == 0 else (*b, k, n)
    arrays = draw(values(left, smooth=smooth)), draw(values(right, smooth=smooth, slot=1))
    return Case(arrays, {}, draw(layouts(2)))


@st.composite
def linear_cases(draw: Callable, smooth: bool) -> Case:
    rows = draw(st.sampled_from([(), (3,), (1,), (2, 3), (0,)]))
    k = draw(SIDES.filter(bool) if smooth else LONG)
    n = draw(SIDES)
    bias = draw(values((n,), smooth=smooth, slot=2)) if draw(st.booleans()) else None
    arrays = (
        draw(values((*rows, k), smooth=smooth)),
        draw(values((k, n), smooth=smooth, slot=1)),
        bias,
    )
    return Case(arrays, {}, draw(layouts(3)))


def numpy_linear(x: np.ndarray, w: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return x @ w if bias is None else x @ w + bias


EQUATIONS = [
    "ij,jk->ik",
    "ij,jk",
    "bij,bjk->bik",
    "bhqd,bhkd->bhqk",
    "i,j->ij",
    "i,i->",
    "ij,ij->i",
    "ij,j->i",
    "ij,kj->ki",
    "ijk,k->ji",
    "ab,cd->abcd",
    "ab,cd->da",
    "bi,bo->io",
    "ij,->ji",
]


@st.composite
def einsum_cases(draw: Callable, smooth: bool) -> Case:
    equation = draw(st.sampled_from(EQUATIONS))
    first, second = equation.split("->")[0].split(",")
    sizes = {
        c: draw(st.sampled_from([2, 3, 1] if smooth else [2, 3, 1, 0, 5])) for c in "abcdhijkoq"
    }
    arrays = tuple(
        draw(values(tuple(sizes[c] for c in labels), smooth=smooth, slot=i))
        for i, labels in enumerate((first, second))
    )
    return Case(arrays, {"equation": equation}, draw(layouts(2)))


def einsum_terms(case: Case) -> int:
    inputs, arrow, result = case.options["equation"].partition("->")
    first, second = inputs.split(",")
    if not arrow:
        result = "".join(c for c in first + second if (c in first) != (c in second))
    sizes = dict(zip(first + second, case.arrays[0].shape + case.arrays[1].shape, strict=True))
    return max(int(np.prod([n for c, n in sizes.items() if c not in result])), 1)


def inner_size(case: Case) -> int:
    return max(case.arrays[0].shape[-1], 1)


ROWS = [
    Row(
        "matmul",
        matmul_cases,
        np.matmul,
        lambda t, a, b: t.matmul(a, b),
        gradients=(0, 1),
        terms=inner_size,
        magnitude=squared,
    ),
    Row(
        "linear",
        linear_cases,
        numpy_linear,
        lambda t, x, w, b: x @ w if b is None else x @ w + b,
        gradients=(0, 1, 2),
        terms=inner_size,
        magnitude=squared,
    ),
    Row(
        "einsum",
        einsum_cases,
        lambda a, b, equation: np.einsum(equation, a, b),
        lambda t, a, b, equation: t.einsum(equation, a, b),
        ours=lambda ops, a, b, equation: ops.einsum(equation, a, b),
        gradients=(0, 1),
        terms=einsum_terms,
        magnitude=squared,
    ),
]
