"""One contender of gpt_train.py in a process of its own (training_rates.serve_turns)."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tinytorch import _core
from tinytorch.datasets import ShakespeareExcerpt
from tinytorch.recipes import TEXT_RECIPES, TextRun
from training_rates import serve_turns

STEPS = 3  # of a turn
ENOUGH = 10**6


def prepared(recipe_name: str, precision: str) -> TextRun:
    recipe = dataclasses.replace(TEXT_RECIPES[recipe_name], steps=ENOUGH, evaluate_every=STEPS)
    return TextRun(recipe, text=ShakespeareExcerpt(), precision=precision, progress=False)


def ours(recipe_name: str, precision: str, threads: int) -> Callable[[], None]:
    """A turn is an epoch of the trainer that `tinytorch train` runs."""
    _core.set_num_threads(threads)
    trainer, loader, _ = prepared(recipe_name, precision).prepare()
    return lambda: trainer.fit(loader, trainer.epoch + 1) and None


def theirs(recipe_name: str, who: str, threads: int) -> Callable[[], None]:
    import torch

    from gpt.torch_recipe import TorchTraining

    torch.set_num_threads(threads)
    run = prepared(recipe_name, "f32")
    _, loader, _ = run.prepare()
    training = TorchTraining(run.network, run.recipe, bf16="bf16" in who, compiled="compile" in who)
    batches = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def turn() -> None:
        for inputs, targets in itertools.islice(batches, STEPS):
            training.step(inputs, targets)

    return turn


def turn_tokens(recipe_name: str) -> int:
    recipe = TEXT_RECIPES[recipe_name]
    return STEPS * recipe.batch_size * recipe.length


if __name__ == "__main__":
    serve_turns(ours, theirs, turn_tokens)
