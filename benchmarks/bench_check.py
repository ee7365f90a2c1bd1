"""Say which hot kernels take more instructions than committed, and which ratios to peers fell.

    python benchmarks/bench_check.py             compare, exit 1 where something got slower
    python benchmarks/bench_check.py --update    write benchmarks/instruction_counts.json anew

Instructions are counted by callgrind, on one thread and with the AVX2 kernels (valgrind does not
know AVX-512): the same counts on every machine for one compiler. Results of the peers in
benchmarks/results/peers are compared with those of a commit (--against, HEAD).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

import performance_page

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "dev" / "cpp" / "bench" / "tt_bench"
COUNTS = ROOT / "benchmarks" / "instruction_counts.json"
PEERS = Path("benchmarks/results/peers")
TOLERANCE = 0.03  # of a count
LEAST_NOISE = 0.05  # of a ratio, whatever the spreads say


class Change(NamedTuple):
    name: str
    before: float | None
    now: float | None
    verdict: str  # same, better, worse, new, gone


def compare_counts(
    before: dict[str, int], now: dict[str, int], tolerance: float = TOLERANCE
) -> list[Change]:
    """Every kernel of either list; fewer instructions are better."""
    changes = []
    for name in [*now, *(n for n in before if n not in now)]:
        old, new = before.get(name), now.get(name)
        if old is None or new is None:
            verdict = "new" if old is None else "gone"
        elif abs(new - old) <= tolerance * old:
            verdict = "same"
        else:
            verdict = "worse" if new > old else "better"
        changes.append(Change(name, old, new, verdict))
    return changes


def peer_ratios(data: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """By row: the fastest peer's median time divided by ours, and how far both spread."""
    found = {}
    for (workload, case, threads), rows in performance_page.groups(data["results"]).items():
        for engine, form in performance_page.OURS.items():
            if engine not in rows:
                continue
            ours = rows[engine]
            others = performance_page.same_run(rows, ours, performance_page.FORMATS[form])
            if others:
                peer = min(others, key=lambda r: r["median_s"])
                spread = sum(r["p90_s"] / r["median_s"] - 1 for r in (ours, peer))
                name = f"{workload} {case} {form}, {threads} thread{'s' * (threads > 1)}"
                found[name] = (peer["median_s"] / ours["median_s"], spread)
    return found


def compare_ratios(
    before: dict[str, tuple[float, float]], now: dict[str, tuple[float, float]]
) -> list[Change]:
    """Rows of both; a change counts where it is larger than the spreads of both measurements."""
    changes = []
    for name in (n for n in now if n in before):
        (old, old_spread), (new, new_spread) = before[name], now[name]
        noise = max(LEAST_NOISE, old_spread + new_spread)
        if max(old, new) / min(old, new) <= 1 + noise:
            verdict = "same"
        else:
            verdict = "worse" if new < old else "better"
        changes.append(Change(name, old, new, verdict))
    return changes


def count_instructions(valgrind: str, program: Path, kernel: str) -> int:
    isa = "avx2" if platform.machine() == "x86_64" else "baseline"
    environment = os.environ | {"TINYTORCH_ISA": isa, "TINYTORCH_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        command = [
            valgrind, "--tool=callgrind", "--collect-atstart=no",
            "--toggle-collect=tt_bench_measured", f"--callgrind-out-file={out}",
            str(program), kernel,
        ]  # fmt: skip
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not out.exists():
            raise SystemExit(f"bench-check: {kernel} failed under valgrind:\n{done.stderr[-2000:]}")
        return read_total(out.read_text())


def read_total(profile: str) -> int:
    """The instructions of a callgrind profile; SystemExit where nothing was counted."""
    for line in profile.splitlines():
        word, _, rest = line.partition(":")
        if word in ("summary", "totals") and rest.strip() and int(rest.split()[0]) > 0:
            return int(rest.split()[0])
    raise SystemExit("bench-check: callgrind counted nothing; is tt_bench_measured still called?")


def ask_program(program: Path, option: str) -> list[str]:
    done = subprocess.run([program, option], capture_output=True, text=True, check=True)
    return done.stdout.split()


def show(console: Console, title: str, changes: list[Change], whole: bool) -> None:
    """A table; of ratios (`whole` false) only what changed."""
    shown = changes if whole else [c for c in changes if c.verdict != "same"]
    if not shown:
        console.print(f"{title}: {len(changes)} compared, none changed by more than its spread")
        return
    table = Table("", "before", "now", "change", "", title=title, title_justify="left", box=None)
    colour = {"worse": "red", "better": "green"}
    for c in shown:
        cells = ["-" if v is None else f"{v:,.0f}" if whole else f"{v:.2f}" for v in c[1:3]]
        change = f"{c.now / c.before - 1:+.1%}" if c.before and c.now is not None else ""
        table.add_row(c.name, *cells, change, c.verdict, style=colour.get(c.verdict))
    console.print(table)


def check_counts(console: Console, options: argparse.Namespace) -> list[Change]:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("bench-check: valgrind is missing: sudo apt-get install valgrind")
    if not PROGRAM.exists():
        raise SystemExit(f"bench-check: {PROGRAM.relative_to(ROOT)} is missing: make bench-check")
    [compiler] = ask_program(PROGRAM, "--compiler")
    key = f"{compiler} {platform.machine()}"
    names = [n for n in ask_program(PROGRAM, "--list") if options.only in n]
    if not names:
        raise SystemExit(f"bench-check: no kernel's name holds '{options.only}'")
    counts = {
        n: count_instructions(valgrind, PROGRAM, n)
        for n in track(names, "counting", console=console, transient=True)
    }
    stored = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    before = {n: c for n, c in stored.get(key, {}).items() if options.only in n}
    changes = compare_counts(before, counts)
    show(console, f"instructions, {key}", changes, whole=True)
    if options.update:
        kept = {n: c for n, c in stored.get(key, {}).items() if options.only not in n}
        stored[key] = dict(sorted((kept | counts).items()))
        COUNTS.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
        console.print(f"written: {COUNTS.relative_to(ROOT)}")
        return []
    if not before:
        known = ", ".join(stored) or "none"
        console.print(
            f"no counts for {key} to compare with (there are: {known}); --update adds them"
        )
    return changes


def committed(against: str, path: Path) -> str | None:
    command = ["git", "-C", str(ROOT), "show", f"{against}:{path.as_posix()}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def check_peers(console: Console, against: str) -> list[Change]:
    changes = []
    for file in sorted((ROOT / PEERS).glob("*.json")):
        before = committed(against, PEERS / file.name)
        if before is None:
            console.print(f"peers: no {file.name} in {against}; nothing to compare")
            continue
        now = peer_ratios(json.loads(file.read_text()))
        found = compare_ratios(peer_ratios(json.loads(before)), now)
        show(console, f"{file.stem}: peer's time / ours, {against} and here", found, whole=False)
        changes += found
    return changes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--update", action="store_true", help="write the counts of this compiler")
    parser.add_argument("--only", default="", help="kernels whose name holds this")
    parser.add_argument("--against", default="HEAD", help="commit whose peer results to compare")
    options = parser.parse_args()
    console = Console()
    changes = check_counts(console, options) + check_peers(console, options.against)
    slower = [c.name for c in changes if c.verdict == "worse"]
    lost = [c.name for c in changes if c.verdict == "gone"]
    if slower:
        console.print(f"[red]slower:[/red] {', '.join(slower)}")
    if lost:
        console.print(f"[red]no longer measured:[/red] {', '.join(lost)} (--update drops them)")
    return 1 if slower or lost else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
