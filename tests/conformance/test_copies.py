"""Results behave as copies, whatever the engine shares inside: for every operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tinytorch import engine
from tinytorch.core.autograd import no_grad

from .cases import Case
from .oracle import results, tensors_of
from .row import Row
from .table import ROWS

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
few = settings(max_examples=4)


def leaves(row: Row, case: Case) -> list[Any]:
    """Tensors over NumPy's memory."""
    return tensors_of(row, case)


def intermediates(row: Row, case: Case) -> list[Any]:
    """Tensors over the engine's own memory, which nobody has looked at yet."""
    made = tensors_of(row, case)
    return [
        None if t is None else engine.ops.concat([t.reshape(-1)]).reshape(t.shape) for t in made
    ]


@pytest.mark.parametrize("inputs", [leaves, intermediates])
@each_row
def test_results_do_not_alias(row: Row, inputs: Callable) -> None:
    @few
    @given(case=row.cases(smooth=False))
    def check(case: Case) -> None:
        with no_grad():
            for change in (edit_through_numpy, overwrite_in_place):
                tensors = inputs(row, case)
                outputs = row.call(engine.ops, tensors, case.options)
                before = [np.array(a) for a in results(row.call(engine.ops, tensors, case.options))]
                for t in tensors:
                    if t is not None:
                        change(t)
                for got, want in zip(results(outputs), before, strict=True):
                    np.testing.assert_array_equal(got, want)

    check()


@pytest.mark.parametrize("inputs", [leaves, intermediates])
@each_row
def test_inputs_do_not_alias(row: Row, inputs: Callable) -> None:
    @few
    @given(case=row.cases(smooth=False))
    def check(case: Case) -> None:
        with no_grad():
            for change in (edit_through_numpy, overwrite_in_place):
                tensors = inputs(row, case)
                outputs = row.call(engine.ops, tensors, case.options)
                for i, out in enumerate(outputs):
                    change(out)
                    for other in outputs[:i] + outputs[i + 1 :]:
                        assert other is not out
                        assert not np.shares_memory(other.data, out.data)
                for t, array in zip(tensors, case.arrays, strict=True):
                    if t is not None:
                        np.testing.assert_array_equal(t.data, array)

    check()


def edit_through_numpy(t: Any) -> None:
    t.data[...] = 1 - t.data if t.data.dtype != bool else ~t.data


def overwrite_in_place(t: Any) -> None:
    engine.fill_(t, 7.0)
