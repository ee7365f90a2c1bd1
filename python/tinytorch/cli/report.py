"""`tinytorch report`: the HTML page of a run or a submission."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    source: Annotated[
        Path, typer.Argument(help="A demo's folder, its run.json, or a submission.")
    ] = Path("demo-output"),
    out: Annotated[
        Path | None, typer.Option(help="The page; report.html beside the source if left out.")
    ] = None,
) -> None:
    """Write one self-contained HTML page: trade-offs, time by layer, bytes, training, answers."""
    from ..report import write_report

    path = source / "run.json" if source.is_dir() else source
    page = out or path.with_name("report.html")
    write_report(_read(path), page)
    typer.echo(str(page))


def _read(path: Path):  # type: ignore[no-untyped-def]
    from ..capstone import load_submission
    from ..io import load_json
    from ..report import Run, from_submission
    from ..report.record import FORMAT

    document = load_json(path)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return Run.load(path)
    return from_submission(load_submission(path), path.name)
