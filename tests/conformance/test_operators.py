"""Every operator against its oracles, forward and backward, over hypothesis-made inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tinytorch import engine

from .cases import Case
from .oracle import (
    central_differences,
    check_forward,
    check_gradient,
    engine_gradients,
    numpy_forward,
    oracles,
    results,
    seed_like,
    tensors_of,
    torch_forward,
    torch_gradients,
)
from .row import EPS64, Row
from .table import ROWS

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
each_gradient = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.gradients], ids=lambda row: row.name
)
each_oracle = pytest.mark.parametrize("oracle", oracles())


def has_slope(case: Case) -> bool:
    """Not so for astype to a type that rounds steps of 1e-5 away."""
    return case.options.get("dtype", "float64") == "float64"


def wide(case: Case) -> list[np.ndarray | None]:
    return [
        a.astype(np.float64) if a is not None and a.dtype.kind == "f" else a for a in case.arrays
    ]


@each_oracle
@each_row
def test_forward(row: Row, oracle: str) -> None:
    @given(case=row.cases(smooth=False))
    def check(case: Case) -> None:
        if oracle == "torch" and not row.torch_ok(case):
            return
        outputs = row.call(engine.ops, tensors_of(row, case), case.options)
        wanted = torch_forward(row, case) if oracle == "torch" else numpy_forward(row, case)
        assert len(outputs) == len(wanted)
        for got, want in zip(results(outputs), wanted, strict=True):
            check_forward(row, case, got, want)

    check()


@each_row
def test_forward_float64(row: Row) -> None:
    @given(case=row.cases(smooth=False))
    def check(case: Case) -> None:
        outputs = row.call(engine.ops, tensors_of(row, case, "float64"), case.options)
        for got, want in zip(results(outputs), numpy_forward(row, case), strict=True):
            check_forward(row, case, got, want, EPS64)

    check()


@each_oracle
@each_gradient
def test_gradient_float32(row: Row, oracle: str) -> None:
    # Central differences of the NumPy formula need smooth points; PyTorch says what holds at kinks.
    @given(case=row.cases(smooth=oracle != "torch"))
    def check(case: Case) -> None:
        if oracle == "torch" and not row.torch_ok(case):
            return
        got = engine_gradients(row, case)
        if oracle == "torch":
            for i, want in torch_gradients(row, case).items():
                check_gradient(row, case, i, got[i], want)
            return

        def total(arrays: list[np.ndarray]) -> float:
            outputs = numpy_forward(row, case, arrays)
            return sum(float((o * seed_like(o, k)).sum()) for k, o in enumerate(outputs))

        if has_slope(case):
            for i in row.differentiable(case):
                check_gradient(row, case, i, got[i], central_differences(total, wide(case), i))

    check()


@each_gradient
def test_gradient_float64(row: Row) -> None:
    """The engine's float64 gradient against central differences of its own float64 forward."""

    @given(case=row.cases(smooth=True))
    def check(case: Case) -> None:
        if not has_slope(case):
            return
        got = engine_gradients(row, case, "float64")

        def total(arrays: list[np.ndarray]) -> float:
            tensors = [
                None
                if a is None
                else engine.tensor(a, "float64" if a.dtype.kind == "f" else a.dtype)
                for a in arrays
            ]
            outputs = results(row.call(engine.ops, tensors, case.options))
            return sum(float((o * seed_like(o, k)).sum()) for k, o in enumerate(outputs))

        for i in row.differentiable(case):
            want = central_differences(total, wide(case), i)
            error = np.abs(got[i] - want).max(initial=0.0)
            assert error <= 1e-6 * max(1.0, np.abs(want).max(initial=0.0))

    check()
