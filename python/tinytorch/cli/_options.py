"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Model = Annotated[
    Path,
    typer.Argument(
        help="Model file (NAME.safetensors, NAME.json or NAME), its folder, or a shipped name."
    ),
]
Data = Annotated[
    str | None,
    typer.Option(help="digits, mnist, cifar10, or an .npz file; the model's own if left out."),
]
Runs = Annotated[int, typer.Option(min=1, max=100_000, help="Timed runs.")]
Out = Annotated[Path | None, typer.Option(help="Where to write the new model.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same result.")]
