#!/usr/bin/env python3
"""Print the size of the wheel and what `import tinytorch` costs beyond `import numpy`.

Limits of the project: 8 MB and 150 ms; with --check, exceeding one is an error.
usage: footprint.py [--wheel FILE] [--runs N] [--check]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_WHEEL_MB = 8.0
MAX_IMPORT_MS = 150.0
TIMER = """
import time, numpy
start = time.perf_counter_ns()
import tinytorch
print((time.perf_counter_ns() - start) / 1e6)
"""


def import_times_ms(runs: int, python: str = sys.executable) -> list[float]:
    """Time the import in `runs` fresh interpreters, after one that warms the file cache."""
    times = []
    for _ in range(runs + 1):
        done = subprocess.run(
            [python, "-c", TIMER],
            check=True,
            capture_output=True,
            text=True,
            cwd=tempfile.gettempdir(),
        )
        times.append(float(done.stdout))
    return times[1:]


def build_wheel(folder: str) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        folder,
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("tinytorch-*.whl"))


def wheel_size_mb(wheel: Path | None) -> float:
    """Size in MB (10^6 bytes) of `wheel`, or of one built now."""
    if wheel is not None:
        return wheel.stat().st_size / 1e6
    with tempfile.TemporaryDirectory() as folder:
        return build_wheel(folder).stat().st_size / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="measure this wheel instead of building one")
    parser.add_argument("--runs", type=int, default=11, help="fresh interpreters to time (11)")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    args = parser.parse_args()

    times = import_times_ms(args.runs)
    median = statistics.median(times)
    print(f"import tinytorch beyond numpy: median {median:.1f} ms of {len(times)} runs "
          f"({min(times):.1f} to {max(times):.1f}; limit {MAX_IMPORT_MS:.0f} ms)")  # fmt: skip
    size = wheel_size_mb(args.wheel)
    print(f"wheel: {size:.2f} MB (limit {MAX_WHEEL_MB:.0f} MB)")
    return 1 if args.check and (median > MAX_IMPORT_MS or size > MAX_WHEEL_MB) else 0


if __name__ == "__main__":
    sys.exit(main())
