"""The typical operation of each of the course's 20 modules: tinytorch, plain NumPy, PyTorch.

    python benchmarks/course_speed.py [--json FILE] [--rounds N] [--only TEXT] [--threads N]

Each contender has a process of its own: idle threads of one runtime would keep the cores from the
next. Results are compared first. Then each round times the contenders in turn; the table has the
median time and the ratio to ours, round by round, with its quartiles. Above 1x the other is slower.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from contender import Contender
from tinytorch import _core

CONTENDERS = ("tinytorch", "numpy", "torch")
SAMPLE_SECONDS = 0.01  # calls are repeated until a sample lasts this long


class Column(Contender):
    """One column of the table. start: {version, rows: [[module, operation, takes part]]}"""

    def __init__(self, who: str, threads: int) -> None:
        super().__init__(Path(__file__).parent / "course" / "worker.py", [who], threads)

    def takes_part(self, row: int) -> bool:
        return bool(self.start["rows"][row][2])

    def seconds(self, row: int, calls: int) -> float:
        return float(self.ask(row=row, calls=calls))


def check(row: int, contenders: dict[str, Column], folder: Path) -> None:
    """The contenders do the same work."""
    results = {}
    for who, contender in contenders.items():
        file = folder / f"{who}.npy"
        tolerance = contender.ask(row=row, save=str(file))
        if tolerance is not None:
            results[who] = np.load(file)
    expected = results.pop("tinytorch", None)
    for who, result in results.items():
        np.testing.assert_allclose(
            result, expected, rtol=tolerance, atol=tolerance, err_msg=f"row {row}: {who}"
        )


def measure(row: int, contenders: dict[str, Column], rounds: int) -> dict[str, list[float]]:
    """Seconds per call of each round. A contender that takes seconds runs three times at most."""
    calls = {}
    slowest = 0.0
    for who, contender in contenders.items():
        once = contender.seconds(row, 1)
        once = min(once, contender.seconds(row, 1)) if once < 1 else once
        calls[who] = max(1, min(10_000, int(SAMPLE_SECONDS / max(once, 1e-9))))
        slowest = max(slowest, once)
    times: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(rounds if slowest < 0.5 else 3):
        for who, contender in contenders.items():
            times[who].append(contender.seconds(row, calls[who]))
    return times


def human(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e9:.0f} ns"


def ratios(times: dict[str, list[float]], who: str) -> list[float]:
    return [t / o for t, o in zip(times[who], times["tinytorch"], strict=True)]


def ratio_cell(times: dict[str, list[float]], who: str) -> str:
    if who not in times:
        return "-"
    low, mid, high = statistics.quantiles(ratios(times, who), n=4)
    return f"{mid:.3g}x ({low:.3g} to {high:.3g})"


def print_row(module: str, operation: str, times: dict[str, list[float]]) -> None:
    ours = human(statistics.median(times["tinytorch"]))
    cells = [module, operation, ours, ratio_cell(times, "numpy"), ratio_cell(times, "torch")]
    print("| " + " | ".join(cells) + " |", flush=True)


def is_slower(times: dict[str, list[float]]) -> bool:
    return "numpy" in times and statistics.median(ratios(times, "numpy")) < 1


def run(args: argparse.Namespace, contenders: dict[str, Column]) -> dict[str, Any]:
    ours = contenders["tinytorch"].start
    machine = {
        "cpu": _core.cpu_name(),
        "isa": _core.active_isa(),
        "threads": args.threads,
        **{who: contender.start["version"] for who, contender in contenders.items()},
        "date": datetime.now(timezone.utc).date().isoformat(),
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print("\n| module | operation | tinytorch | NumPy | PyTorch |\n|---|---|---|---|---|")
    results, slower = [], []
    with tempfile.TemporaryDirectory() as folder:
        for row, (module, operation, _) in enumerate(ours["rows"]):
            if args.only not in f"{module} {operation}":
                continue
            here = {who: c for who, c in contenders.items() if c.takes_part(row)}
            check(row, here, Path(folder))
            times = measure(row, here, args.rounds)
            print_row(module, operation, times)
            results.append({"module": module, "operation": operation, "seconds": times})
            if is_slower(times):
                slower.append(operation)
    print(f"\nslower than NumPy: {', '.join(slower) or 'no row'}")
    return {"machine": machine, "rows": results}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the raw times here")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="", help="rows whose module or operation has this text")
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    args = parser.parse_args()
    names = [who for who in CONTENDERS if who != "torch" or find_spec("torch") is not None]
    contenders = {who: Column(who, args.threads) for who in names}
    try:
        results = run(args, contenders)
    finally:
        for contender in contenders.values():
            contender.close()
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
