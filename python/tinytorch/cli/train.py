"""`tinytorch train`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._run import FAILED, INTERRUPTED, Failure


def train(
    model: Annotated[str, typer.Argument(help="mlp, cnn, or a full name such as digits_cnn.")],
    data: Annotated[
        str, typer.Option(help="digits (shipped), mnist or cifar10 (from TINYTORCH_DATA).")
    ] = "digits",
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the recipe if left out.")] = None,
    lr: Annotated[float | None, typer.Option(min=0.0, help="Of the recipe if left out.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=65536, help="Of the recipe if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; runs/NAME if left out.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Same seed, same model; 0 if left out.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the folder's training stopped.")
    ] = False,
) -> None:
    """Train a model; Ctrl-C saves its state, and --resume goes on as if it had not stopped."""
    from ..models import MODELS
    from ._train_run import Settings, TrainRun

    name = model if model in MODELS else f"{data}_{model}"
    if name not in MODELS:
        raise Failure(f"no model {name!r}; there are mlp, cnn, {', '.join(MODELS)}", 2)
    if lr is not None and lr <= 0:
        raise Failure(f"--lr must be above 0, got {lr}", 2)
    given = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed}
    chosen = {key: value for key, value in given.items() if value is not None}
    run = TrainRun(out or Path("runs") / name, Settings.choose(name, chosen), chosen, resume)
    stopped = run.run()
    if stopped is not None:
        raise typer.Exit(INTERRUPTED if stopped == "interrupted" else FAILED)
