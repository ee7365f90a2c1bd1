"""`tinytorch submit` and `tinytorch validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import Data, Runs


def submit(
    baseline: Annotated[Path, typer.Argument(help="Model file of the baseline.")],
    optimized: Annotated[
        Path | None, typer.Argument(help="Model file of the optimized one.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Your name.")] = None,
    technique: Annotated[
        list[str] | None,
        typer.Option(help="What was applied (again for more); read from the model if left out."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The submission.")] = Path("submission.json"),
    data: Data = None,
    runs: Runs = 100,
) -> None:
    """Measure one or two models and write a validated submission."""
    from ..capstone import generate_submission, save_submission
    from ..workflow.measure import benchmark
    from ._console import say
    from ._models import open_model, test_data

    saved = [open_model(path) for path in (baseline, optimized) if path is not None]
    reports = benchmark([(m.path.stem, m.network, test_data(m, data)) for m in saved], runs)
    after = reports[1] if optimized is not None else None
    techniques = technique or (saved[-1].techniques if after is not None else None)
    submission = generate_submission(reports[0], after, name, techniques)
    save_submission(submission, out)
    gained = submission.get("improvements")
    said = "" if gained is None else ": " + ", ".join(f"{k} {v:.3g}" for k, v in gained.items())
    say(f"{out}{said}")


def validate(
    files: Annotated[list[Path], typer.Argument(help="Submissions.")],
) -> None:
    """Check submissions against the schema: a line for each, exit code 1 if any is invalid."""
    from ..capstone import load_submission
    from ._console import say

    failed = 0
    for path in files:
        try:
            load_submission(path)
        except (AssertionError, ValueError, OSError) as error:
            failed += 1
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            say(("invalid", "red"), f" {path}: {' '.join(said.split())}")
        else:
            say(("valid", "green"), f" {path}")
    if failed:
        raise typer.Exit(1)
