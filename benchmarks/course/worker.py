"""One contender of course_speed.py in a process of its own: answers requests, a line of JSON each.

{"row": i, "save": file}   runs it once; saves the comparable result and answers the tolerance,
                           or null where results are not compared
{"row": i, "calls": n}     seconds per call, after a call that wakes the threads
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from contender import serve
from course.rows import Row, all_rows

WARM_UP_SECONDS = 0.03


def seconds(fn: Callable[[], Any], calls: int) -> float:
    """Per call, once threads, caches and clock speed have come out of the pause."""
    warm = time.perf_counter() + WARM_UP_SECONDS
    fn()
    while time.perf_counter() < warm:
        fn()
    start = time.perf_counter_ns()
    for _ in range(calls):
        fn()
    return (time.perf_counter_ns() - start) / calls / 1e9


def save(row: Row, fn: Callable[[], Any], file: str) -> float | None:
    if row.check is None:
        return None
    np.save(file, row.check(fn()))
    return row.tolerance


def prepare() -> tuple[Any, Callable[[dict[str, Any]], Any]]:
    who = sys.argv[1]
    rows = all_rows(with_torch=who == "torch")
    described = [[row.module, row.operation, getattr(row, who) is not None] for row in rows]

    def reply(request: dict[str, Any]) -> float | None:
        row = rows[request["row"]]
        fn = getattr(row, who)
        return (
            save(row, fn, request["save"]) if "save" in request else seconds(fn, request["calls"])
        )

    return {"version": version(who), "rows": described}, reply


if __name__ == "__main__":
    serve(prepare)
