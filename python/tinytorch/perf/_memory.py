"""Peak memory of a call: Python's allocation tracer plus the engine's own counters."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core


def peak_bytes(call: Callable[[Any], Any], inputs: Sequence[Any]) -> int:
    """Bytes allocated at the highest point of `call(input)`, over what was there before.

    Inputs are tried in turn; one that the call refuses with ValueError or IndexError passes on to
    the next, the last one's error is raised.
    """
    for index, value in enumerate(inputs):
        try:
            return _measure(call, value)
        except (ValueError, IndexError):
            if index == len(inputs) - 1:
                raise
    return 0


def _measure(call: Callable[[Any], Any], value: Any) -> int:
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        _core.reset_peak_memory()
        before = tracemalloc.get_traced_memory()[0]
        engine_before = _core.memory_stats()["live_bytes"]
        call(value)
        engine = _core.memory_stats()["peak_bytes"] - engine_before
        return max(0, tracemalloc.get_traced_memory()[1] - before) + max(0, engine)
    finally:
        if not running:
            tracemalloc.stop()
