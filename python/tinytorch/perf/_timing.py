"""Timing with the monotonic nanosecond clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

_MAX_CALLS = 1 << 20


def sample_ms(call: Callable[[], Any]) -> float:
    """Milliseconds of one call. Calls too fast for the clock are repeated until it moves."""
    calls = 1
    while True:
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        elapsed = time.perf_counter_ns() - start
        if elapsed > 0 or calls >= _MAX_CALLS:
            return max(elapsed, 1) / calls / 1e6
        calls *= 2


def samples_ms(call: Callable[[], Any], warmup: int, runs: int) -> list[float]:
    """One value per run, after `warmup` uncounted calls."""
    for _ in range(warmup):
        call()
    return [sample_ms(call) for _ in range(max(1, runs))]


def median_ms(call: Callable[[], Any], warmup: int, runs: int) -> float:
    return float(statistics.median(samples_ms(call, warmup, runs)))
