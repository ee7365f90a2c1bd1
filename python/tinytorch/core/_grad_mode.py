"""Whether operations are recorded: per thread, as a context manager or a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .. import _core

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _GradMode:
    """Context manager and decorator that switches recording for the current thread."""

    _enabled: bool

    def __enter__(self) -> None:
        self._before = _core.is_grad_enabled()
        _core.set_grad_enabled(self._enabled)

    def __exit__(self, *exc: object) -> None:
        _core.set_grad_enabled(self._before)

    def __call__(self, fn: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(fn)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with type(self)():
                return fn(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):
    """Inside, operations are not recorded: ``with no_grad(): ...`` or ``@no_grad()``."""

    _enabled = False


class enable_grad(_GradMode):
    """Inside, operations are recorded, also within ``no_grad``."""

    _enabled = True
