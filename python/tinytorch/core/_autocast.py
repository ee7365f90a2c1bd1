"""Products in bfloat16: per thread, as a context manager or a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .. import _core

_P = ParamSpec("_P")
_R = TypeVar("_R")


class autocast:
    """Inside, matrix products and convolutions round their operands to bfloat16.

    ``with autocast(): loss = loss_fn(model(x), y)``; then call ``loss.backward()`` outside. Sums
    are float32, and so is all else: weights and their gradients, softmax, losses. Only the results
    of convolutions are bfloat16, and those of normalisation, ReLU, pooling and sums of them; they
    have no NumPy form (`engine.ops.astype(y, "float32")` has).
    The backward pass of what was computed inside multiplies in bfloat16 too, wherever it is called.
    Products of float64 tensors stay as they are. Processors with bfloat16 instructions multiply
    several times faster so; on others it's a way to see what the rounding does.

    Args:
        dtype: "bfloat16", the only type there is for this.
        enabled: False switches it off inside.

    Raises:
        ValueError: another dtype.
    """

    def __init__(self, dtype: str = "bfloat16", enabled: bool = True) -> None:
        if dtype != "bfloat16":
            raise ValueError(f"autocast multiplies in dtype 'bfloat16' only, got {dtype!r}")
        self._enabled = bool(enabled)
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_core.is_autocast_enabled())
        _core.set_autocast_enabled(self._enabled)

    def __exit__(self, *exc: object) -> None:
        _core.set_autocast_enabled(self._before.pop())

    def __call__(self, fn: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(fn)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with autocast(enabled=self._enabled):
                return fn(*args, **kwargs)

        return wrapped
