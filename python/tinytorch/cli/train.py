"""`tinytorch train`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._run import FAILED, INTERRUPTED, Failure

_WITH_RECIPE = "With --recipe only."


def train(
    model: Annotated[
        str,
        typer.Argument(
            help="mlp, cnn, a full name such as digits_cnn; or cifar10 or gpt, by a recipe."
        ),
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="quick, standard or best; for cifar10 also that of a model (swiftcnn...)."
        ),
    ] = None,
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
    holdout: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Training images, or characters of text, kept back and evaluated on, for choices. "
            f"{_WITH_RECIPE}",
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help=f"auto, f32 or bf16 (products; weights are f32). {_WITH_RECIPE}"),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help=f"A trained model to learn from; of several, in turns. {_WITH_RECIPE}"),
    ] = None,
    begin: Annotated[
        Path | None, typer.Option("--from", help=f"A trained model to go on from. {_WITH_RECIPE}")
    ] = None,
) -> None:
    """Train a model; Ctrl-C saves its state, and --resume goes on as if it had not stopped."""
    if lr is not None and lr <= 0:
        raise Failure(f"--lr must be above 0, got {lr}", 2)
    given = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed}
    special = {"holdout": holdout, "precision": precision, "teacher": teacher, "begin": begin}
    chosen = {key: value for key, value in given.items() if value is not None}
    extra = {key: value for key, value in special.items() if value not in (None, [])}
    if model == "cifar10":
        stopped = _by_recipe(recipe or "quick", out, {**chosen, **extra}, resume)
    elif model == "gpt":
        stopped = _text_by_recipe(recipe or "quick", out, {**chosen, **extra}, resume)
    else:
        if recipe is not None or extra:
            raise Failure(
                "--recipe and its options are for: tinytorch train cifar10, tinytorch train gpt", 2
            )
        stopped = _one_model(model, data, out, chosen, resume)
    if stopped is not None:
        raise typer.Exit(INTERRUPTED if stopped == "interrupted" else FAILED)


def _one_model(
    model: str, data: str, out: Path | None, chosen: dict[str, float], resume: bool
) -> str | None:
    from ..models import MODELS
    from ._train_run import Settings, TrainRun

    name = model if model in MODELS else f"{data}_{model}"
    if name not in MODELS:
        raise Failure(
            f"no model {name!r}; there are mlp, cnn, cifar10, gpt, {', '.join(MODELS)}", 2
        )
    settings = Settings.choose(name, chosen)
    return TrainRun(out or Path("runs") / name, settings, chosen, resume).run()


def _by_recipe(name: str, out: Path | None, chosen: dict[str, object], resume: bool) -> str | None:
    from ..recipes import RECIPES
    from ._recipe_run import run_recipe

    if name not in RECIPES:
        raise Failure(f"no recipe {name!r}; there are {', '.join(RECIPES)}", 2)
    return run_recipe(name, out or Path("runs") / f"cifar10-{name}", chosen, resume)


def _text_by_recipe(
    name: str, out: Path | None, chosen: dict[str, object], resume: bool
) -> str | None:
    from ..recipes import text_recipe
    from ._text_recipe_run import run_text_recipe

    for option in chosen.keys() - {"seed", "holdout", "precision", "batch_size"}:
        raise Failure(f"--{option.replace('_', '-')} is not for: tinytorch train gpt", 2)
    return run_text_recipe(
        text_recipe(name), name, out or Path("runs") / f"gpt-{name}", chosen, resume
    )
