"""A training of CIFAR-10 by a recipe, with the options of the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..io import load_json
from ..recipes import RECIPES, ImageRecipe, RecipeRun, TextRun
from ..report.figures import seconds
from ._console import say
from ._run import Failure

_OF_RUN = ("seed", "holdout", "precision", "teacher", "begin")


def run_recipe(name: str, folder: Path, chosen: dict[str, Any], resume: bool) -> str | None:
    """None, or why the training ended before its time."""
    changed = {key: value for key, value in chosen.items() if key not in _OF_RUN}
    recipe: ImageRecipe = dataclasses.replace(RECIPES[name], **changed)
    options = {key: value for key, value in chosen.items() if key in _OF_RUN}
    run = RecipeRun(recipe, folder=folder, resume=resume, **options)
    about = f"{recipe.title}. {recipe.model}, {recipe.epochs} epochs"
    if carry_out(run, folder, f"{name}: {about}", f"cifar10 --recipe {name}") is not None:
        return run.stopped
    part = f"{run.holdout:,} held-out training" if run.holdout else "10,000 test"
    say(
        f"{folder / recipe.model}.safetensors: {100 * run.accuracy:.2f} % of the {part} images "
        f"({100 * run.mirrored_accuracy:.2f} % if mirror images are averaged in), trained in "
        f"{seconds(run.seconds)}"
    )
    return None


def carry_out(run: RecipeRun | TextRun, folder: Path, about: str, what: str) -> str | None:
    """Train, and say of what and how to go on; None, or why it ended before its time."""
    _check_folder(run.settings(), folder, run.resume)
    say(f"{about}, {run.precision}")
    run.train()
    if run.stopped is not None:
        say(f"go on with: tinytorch train {what} --out {folder} --resume")
    return run.stopped


def _check_folder(settings: dict[str, Any], folder: Path, resume: bool) -> None:
    """Failure where another training is in the folder, or none like this to go on with."""
    checkpoints, note = folder / "checkpoints", folder / "train.json"
    if not resume:
        if checkpoints.exists() and any(checkpoints.iterdir()):
            raise Failure(
                f"{folder} holds an earlier training: add --resume, or choose another --out"
            )
        return
    if note.exists() and load_json(note) != settings:
        raise Failure(
            f"{folder} was begun with other settings: see {note}, or choose another --out"
        )
