"""Peak memory of a call: Python's allocation tracer plus the engine's own counters."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from .. import _core


def peak_bytes(call: Callable[[], Any]) -> int:
    """Bytes allocated at the highest point of `call()`, over what was there before."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        _core.reset_peak_memory()
        before = tracemalloc.get_traced_memory()[0]
        engine_before = _core.memory_stats()["live_bytes"]
        call()
        engine = _core.memory_stats()["peak_bytes"] - engine_before
        return max(0, tracemalloc.get_traced_memory()[1] - before) + max(0, engine)
    finally:
        if not running:
            tracemalloc.stop()
