"""`tinytorch demo`: the whole capstone on real data, measured for real."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-output"),
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same models.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer epochs and runs, a lower target.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Your name, for the submission.")] = None,
) -> None:
    """Train an MLP and a CNN on the shipped digits, compress, measure, submit, report.

    Exit code 1 if a model misses its target accuracy, 130 after Ctrl-C; what was finished is kept.
    """
    from ._demo_run import DemoRun, full, quick_settings

    code = DemoRun(out, seed, quick_settings() if quick else full(), name).run()
    if code:
        raise typer.Exit(code)
