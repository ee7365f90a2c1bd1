"""One contender of course_speed.py in a process of its own: answers requests, a line of JSON each.

{"row": i, "save": file}   runs it once; saves the comparable result and answers the tolerance,
                           or null where results are not compared
{"row": i, "calls": n}     seconds per call, after a call that wakes the threads
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

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


def settle() -> None:
    """Waits until this process's own threads, which spin on after their work, are asleep."""
    for _ in range(100):
        used = time.process_time()
        time.sleep(0.01)
        if time.process_time() - used < 0.002:
            return


def save(row: Row, fn: Callable[[], Any], file: str) -> float | None:
    if row.check is None:
        return None
    np.save(file, row.check(fn()))
    return row.tolerance


def main() -> None:
    who = sys.argv[1]
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing else may write among the answers

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    rows = all_rows(with_torch=who == "torch")
    described = [[row.module, row.operation, getattr(row, who) is not None] for row in rows]
    answer({"version": version(who), "rows": described})
    for line in sys.stdin:
        request = json.loads(line)
        row = rows[request["row"]]
        fn = getattr(row, who)
        if "save" in request:
            result = save(row, fn, request["save"])
        else:
            result = seconds(fn, request["calls"])
        settle()
        answer(result)


if __name__ == "__main__":
    main()
