"""A stopwatch as a context manager."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Elapsed:
    """`elapsed` holds seconds once the block has ended."""

    elapsed: float = 0.0


@contextmanager
def precise_timer() -> Iterator[Elapsed]:
    """Time a block with the monotonic clock: `with precise_timer() as t: ...; t.elapsed`."""
    timer = Elapsed()
    start = time.perf_counter_ns()
    try:
        yield timer
    finally:
        timer.elapsed = (time.perf_counter_ns() - start) / 1e9
