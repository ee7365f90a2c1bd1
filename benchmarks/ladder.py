"""Measure the ladders and write their figures into the tables of docs/ladder.

    python benchmarks/ladder.py [--threads N] [--only NAME] [--dry]

Each step is a kernel of cpp/ladder; the last ones are the engine's. The roof is this machine's own:
the peak of the number format, or the bandwidth of its memory, whichever is lower.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tinytorch import _core
from tinytorch.roofline import Limits, measure_limits

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "dev" / "cpp" / "ladder" / "tt_ladder"
PAGES = ROOT / "docs" / "ladder"
BEGIN, END = "<!-- figures: make ladder -->", "<!-- end of figures -->"
COLUMNS = ("step", "threads", "milliseconds", "Gop/s", "of the roof", "times the step before")


def step_rows(ladder: dict[str, Any], limits: dict[int, Limits]) -> list[tuple[str, ...]]:
    """The table's cells; each step is held against the roof of its format and threads."""
    rows, before = [], None
    intensity = ladder["operations"] / ladder["bytes"]
    for step in ladder["steps"]:
        rate = ladder["operations"] / step["seconds"]
        roof = limits[step["threads"]].attainable(intensity, step["format"])
        faster = "" if before is None else f"{before / step['seconds']:.1f}"
        rows.append(
            (
                step["name"],
                str(step["threads"]),
                f"{1e3 * step['seconds']:.2f}",
                f"{rate / 1e9:,.1f}",
                f"{rate / roof:.1%} ({step['format']})",
                faster,
            )
        )
        before = step["seconds"]
    return rows


def markdown(ladder: dict[str, Any], rows: list[tuple[str, ...]], origin: str) -> str:
    lines = [f"{ladder['problem']}.", "", "| " + " | ".join(COLUMNS) + " |", "|---" * 6 + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", origin])


def insert(page: str, figures: str) -> str:
    """The page with what is between the markers replaced; ValueError without markers."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{figures}\n\n{END}{tail}"


def measure_ladders(threads: int, only: str) -> list[dict[str, Any]]:
    command = [str(PROGRAM), str(threads), *([only] if only else [])]
    done = subprocess.run(command, env=os.environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"ladder: {PROGRAM.name} failed")
    return [json.loads(line) for line in done.stdout.splitlines()]


def all_limits(threads: int, console: Console) -> dict[int, Limits]:
    found = {}
    for count in sorted({1, threads}):
        _core.set_num_threads(count)
        with console.status("") as status:
            found[count] = measure_limits(
                step=lambda name, s=status, c=count: s.update(f"{name}, {c} thread(s)")
            )
    return found


def describe(limits: dict[int, Limits], threads: int) -> str:
    peaks = "; ".join(
        f"{count} thread{'s' * (count > 1)}: "
        + ", ".join(f"{name} {rate / 1e9:,.0f} Gop/s" for name, rate in found.peaks.items())
        + f", memory {found.bandwidths['DRAM'] / 1e9:.0f} GB/s"
        for count, found in limits.items()
    )
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} by `make ladder` on {_core.cpu_name()}, "
        f"{_core.active_isa()}, {threads} thread{'s' * (threads > 1)}; the best of several runs. "
        f"Peaks: {peaks}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    parser.add_argument("--only", default="", help="gemm, convolution, int8 or attention")
    parser.add_argument("--dry", action="store_true", help="print, and leave the pages alone")
    options = parser.parse_args()
    if not PROGRAM.exists():
        raise SystemExit(f"ladder: {PROGRAM.relative_to(ROOT)} is missing: make ladder")
    console = Console()
    limits = all_limits(options.threads, console)
    origin = describe(limits, options.threads)
    with console.status("measuring the ladders"):
        ladders = measure_ladders(options.threads, options.only)
    for ladder in ladders:
        rows = step_rows(ladder, limits)
        table = Table(*COLUMNS, title=f"{ladder['ladder']}: {ladder['problem']}", box=None)
        for row in rows:
            table.add_row(*row)
        console.print(table)
        page = PAGES / f"{ladder['ladder']}.md"
        if not options.dry:
            page.write_text(insert(page.read_text(), markdown(ladder, rows, origin)))
    console.print(origin, soft_wrap=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
