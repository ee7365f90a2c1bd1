"""Inputs for models that are measured without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..core.tensor import Tensor

Result = TypeVar("Result")


def sample_inputs(shape: Sequence[int]) -> list[Tensor]:
    """Random numbers; zeros behind them, for models that read ids and refuse random numbers."""
    return [Tensor(np.random.randn(*shape)), Tensor(np.zeros(tuple(shape)))]


def first_accepted(call: Callable[[Any], Result], inputs: Sequence[Any]) -> tuple[Any, Result]:
    """(input, result) of the first input that `call` does not refuse with ValueError or IndexError.

    If all are refused, the last error is raised.
    """
    for value in inputs[:-1]:
        try:
            return value, call(value)
        except (ValueError, IndexError):
            continue
    return inputs[-1], call(inputs[-1])
