"""The typical operation of each of the course's 20 modules: tinytorch, plain NumPy, PyTorch.

    python benchmarks/course_speed.py [--json FILE] [--rounds N] [--only TEXT] [--threads N]

Results are compared first. Then each round times the contenders in turn, each after a pause; the
table has the median time and the ratio to ours, round by round, with its quartiles. Above 1x the
other is slower.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from course.rows import Contender, Row, all_rows, torch
from tinytorch import _core

CONTENDERS = ("tinytorch", "numpy", "torch")
SAMPLE_SECONDS = 0.01  # calls are repeated until a sample lasts this long
# The threads of OpenBLAS and OpenMP spin on after their work, on the cores of whoever comes next.
PAUSE_SECONDS = 0.04


def seconds(fn: Contender, calls: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        fn()
    return (time.perf_counter_ns() - start) / calls / 1e9


def check(row: Row) -> None:
    """The contenders do the same work."""
    if row.check is None:
        return
    expected = row.check(row.tinytorch())
    for who in CONTENDERS[1:]:
        fn = getattr(row, who)
        if fn is not None:
            np.testing.assert_allclose(
                row.check(fn()),
                expected,
                rtol=row.tolerance,
                atol=row.tolerance,
                err_msg=f"{row.operation}: {who}",
            )


def measure(row: Row, rounds: int) -> dict[str, list[float]]:
    """Seconds per call of each round. A contender that takes seconds runs three times at most."""
    contenders = {who: getattr(row, who) for who in CONTENDERS if getattr(row, who) is not None}
    calls = {}
    slowest = 0.0
    for who, fn in contenders.items():
        once = seconds(fn, 1)
        once = min(once, seconds(fn, 1)) if once < 1 else once
        calls[who] = max(1, min(10_000, int(SAMPLE_SECONDS / max(once, 1e-9))))
        slowest = max(slowest, once)
    times: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(rounds if slowest < 0.5 else 3):
        for who, fn in contenders.items():
            time.sleep(PAUSE_SECONDS)
            fn()  # wakes its own threads
            times[who].append(seconds(fn, calls[who]))
    return times


def human(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e9:.0f} ns"


def ratio_cell(times: dict[str, list[float]], who: str) -> str:
    if who not in times:
        return "-"
    ratios = [t / o for t, o in zip(times[who], times["tinytorch"], strict=True)]
    low, mid, high = statistics.quantiles(ratios, n=4)
    return f"{mid:.3g}x ({low:.3g} to {high:.3g})"


def print_row(row: Row, times: dict[str, list[float]]) -> None:
    ours = human(statistics.median(times["tinytorch"]))
    cells = [
        row.module,
        row.operation,
        ours,
        ratio_cell(times, "numpy"),
        ratio_cell(times, "torch"),
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the raw times here")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="", help="rows whose module or operation has this text")
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    args = parser.parse_args()
    _core.set_num_threads(args.threads)
    if torch is not None:
        torch.set_num_threads(args.threads)
    machine = {
        "cpu": _core.cpu_name(),
        "isa": _core.active_isa(),
        "threads": args.threads,
        "numpy": np.__version__,
        "torch": None if torch is None else torch.__version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print("\n| module | operation | tinytorch | NumPy | PyTorch |\n|---|---|---|---|---|")
    results, slower = [], []
    for row in all_rows():
        if args.only not in f"{row.module} {row.operation}":
            continue
        check(row)
        times = measure(row, args.rounds)
        print_row(row, times)
        results.append({"module": row.module, "operation": row.operation, "seconds": times})
        if "numpy" in times and statistics.median(times["numpy"]) < statistics.median(
            times["tinytorch"]
        ):
            slower.append(row.operation)
    print(f"\nslower than NumPy: {', '.join(slower) or 'no row'}")
    if args.json:
        args.json.write_text(json.dumps({"machine": machine, "rows": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
