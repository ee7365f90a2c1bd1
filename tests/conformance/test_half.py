"""Half-precision tensors: bfloat16 and float16 store, float32 computes.

Operators round their float32 result to the half type of their inputs; losses stay float32, and so
do gradients. Tolerance: results are rounded once or, where an operator is composed of others, a few
times, each by half an epsilon of the half type (2^-8 for bfloat16, 2^-11 for float16).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tinytorch import engine

from .cases import Case
from .oracle import engine_gradients, seed_like, tensors_of
from .row import Row
from .table import ROWS

EPSILON = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
LOSSES = {
    "mse_loss",
    "cross_entropy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
}


def result_type(row: Row, half: str) -> str | None:
    """None where the type is the operator's own business."""
    if not row.gradients or row.name == "astype":
        return None
    return "float32" if row.name in LOSSES else half


def rounded(case: Case, half: str) -> Case:
    """The case with its float inputs rounded to values of the half type."""
    arrays = tuple(
        engine.ops.astype(engine.tensor(a, half), "float32").data
        if a is not None and a.dtype.kind == "f"
        else a
        for a in case.arrays
    )
    return Case(arrays, case.options, case.layouts)


def as_float32(tensor: engine.Tensor) -> np.ndarray:
    return engine.ops.astype(tensor, "float32").data


@pytest.mark.parametrize("half", EPSILON)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_half(row: Row, half: str) -> None:
    @settings(max_examples=8)
    @given(case=row.cases(smooth=True))
    def check(case: Case) -> None:
        case = rounded(case, half)
        wanted = row.call(engine.ops, tensors_of(row, case), case.options)
        outputs = row.call(engine.ops, tensors_of(row, case, half), case.options)
        kind = result_type(row, half)
        for got, want in zip(outputs, wanted, strict=True):
            assert kind is None or str(got.dtype) == kind
            assert got.shape == want.shape
            if want.dtype.kind == "f":
                compare(as_float32(got), want.data, EPSILON[half])
        if row.gradients:
            exact = engine_gradients(row, case)
            for i, gradient in engine_gradients(row, case, half).items():
                assert gradient.shape == case.arrays[i].shape
                compare(gradient, exact[i], 8 * EPSILON[half])

    check()


def compare(got: np.ndarray, want: np.ndarray, epsilon: float) -> None:
    # Relative to the largest element: what an operator adds up has been rounded before.
    scale = np.abs(want).max(initial=1.0)
    np.testing.assert_allclose(got, want, rtol=epsilon, atol=2 * epsilon * scale)


@pytest.mark.parametrize("half", EPSILON)
def test_gradients_are_float32(half: str) -> None:
    x = engine.tensor([1.0, 2.0, 3.0], half, requires_grad=True)
    y = engine.ops.square(x)
    y.backward(seed_like(np.empty(3)))
    assert str(y.dtype) == half
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, 2 * np.array([1, 2, 3]) * seed_like(np.empty(3)), rtol=1e-6)


def test_many_small_gradients_do_not_vanish() -> None:
    """1,000 terms of 2^-12 beside 1: summed in float16, each would round away."""
    x = engine.tensor([1.0], "float16", requires_grad=True)
    (engine.ops.mul(x, engine.tensor([1.0], "float16"))).backward(np.ones(1))
    for _ in range(1000):
        engine.ops.mul(x, engine.tensor([2.0**-12], "float16")).backward(np.ones(1))
    np.testing.assert_allclose(x.grad, [1 + 1000 * 2.0**-12], rtol=1e-6)
