"""The shortest time of many runs: what the machine can do when nothing disturbs it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any


def best_time(run: Callable[[], Any], seconds: float) -> float:
    """Repeat `run` for about `seconds` (twice at least) after a run to warm up; the best time."""
    run()
    best, spent, runs = float("inf"), 0.0, 0
    while spent < seconds or runs < 2:
        begin = perf_counter()
        run()
        took = perf_counter() - begin
        best, spent, runs = min(best, took), spent + took, runs + 1
    return max(best, 1e-9)
