"""`tinytorch roofline`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._options import Json

if TYPE_CHECKING:
    from rich.table import Table

    from ..roofline import Roofline

_PICTURES = (".png", ".svg", ".pdf")


def roofline(
    out: Annotated[Path | None, typer.Option(help="Draw it here: .png, .svg or .pdf.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="Threads; all that there are if left out.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.001, max=10, help="For each figure.")] = 0.2,
    as_json: Json = False,
) -> None:
    """What this machine can do at most, and how near the kernels come to it."""
    from .. import _core
    from ..roofline import draw
    from ._console import console, print_json, say

    if out is not None:
        _check_picture(out)
    before = _core.num_threads()
    _core.set_num_threads(threads or before)
    try:
        found = _measure(seconds)
    finally:
        _core.set_num_threads(before)
    if out is not None:
        draw(found, out)
    if as_json:
        print_json(found.as_json())
        return
    console.print(_limits_table(found))
    console.print(_kernel_table(found))
    if out is not None:
        say("picture: ", str(out))


def _check_picture(out: Path) -> None:
    """All that can be known to fail, before minutes are spent."""
    import importlib.util

    from ._run import Failure

    if out.suffix not in _PICTURES:
        raise Failure(f"{out}: a picture's name ends in {', '.join(_PICTURES)}")
    if not out.parent.is_dir():
        raise Failure(f"{out.parent}: no such folder")
    if importlib.util.find_spec("matplotlib") is None:
        raise Failure("drawing needs matplotlib: pip install matplotlib (or leave out --out)")


def _measure(seconds: float) -> Roofline:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from ..roofline import STEPS, measure

    columns: tuple[Any, ...] = (TextColumn("  {task.description:<24}"), BarColumn(bar_width=32))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("measuring", total=STEPS)
        done = -1

        def step(name: str) -> None:
            nonlocal done
            done += 1
            bars.update(task, description=name, completed=done)

        return measure(seconds, step)


def _limits_table(found: Roofline) -> Table:
    from ._console import table

    limits = found.limits
    rows = [
        [f"{name} peak", f"{rate / 1e9:,.0f} G operations/s"] for name, rate in limits.peaks.items()
    ]
    rows += [
        ["copy, DRAM" if level == "copy" else f"reading {level}", f"{rate / 1e9:,.1f} GB/s"]
        for level, rate in limits.bandwidths.items()
    ]
    threads = f"{limits.threads} thread{'s' * (limits.threads > 1)}"
    return table(["limit", ""], rows, title=f"{found.machine}, {found.isa}, {threads}")


def _kernel_table(found: Roofline) -> Table:
    from ._console import table

    rows = [
        [
            p.name,
            p.format,
            p.level,
            f"{p.intensity:.2f}",
            f"{p.rate / 1e9:,.1f}",
            f"{p.bytes / p.seconds / 1e9:,.1f}",
            f"{found.limits.share(p):.0%}",
        ]
        for p in found.points
    ]
    columns = ["kernel", "format", "data in", "op/byte", "Gop/s", "GB/s", "of its roof"]
    return table(columns, rows, title="kernels", left=3)
