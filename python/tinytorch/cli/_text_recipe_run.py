"""A training of a language model by a recipe, with the options of the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..recipes import TextRecipe, TextRun
from ..report.figures import seconds
from ._console import say
from ._recipe_run import carry_out

_SAMPLE_TOKENS = 200


def run_text_recipe(
    recipe: TextRecipe, name: str, folder: Path, chosen: dict[str, Any], resume: bool
) -> str | None:
    """None, or why the training ended before its time."""
    options = dict(chosen)
    if "batch_size" in options:
        recipe = dataclasses.replace(recipe, batch_size=options.pop("batch_size"))
    run = TextRun(recipe, folder=folder, resume=resume, **options)
    run.on_epoch = lambda row: _show_sample(run, row)
    about = f"{name}: {recipe.title}. {recipe.steps} steps"
    if carry_out(run, folder, about, f"gpt --recipe {name}") is not None:
        return run.stopped
    part = f"the {run.holdout:,} held-out characters" if run.holdout else "the validation part"
    say(
        f"{folder / 'gpt'}.safetensors: {run.loss:.4f} nats per character of {part}, trained in "
        f"{seconds(run.seconds)}"
    )
    return None


def _show_sample(run: TextRun, row: dict[str, Any]) -> None:
    """What the model writes by now."""
    written = (
        run.model()
        .generator()
        .generate("\n", max_new_tokens=_SAMPLE_TOKENS, temperature=0.8, seed=run.seed)
    )
    say((written.text.strip() + "\n", "dim"))
