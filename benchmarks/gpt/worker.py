"""One contender of gpt_train.py in a process of its own: answers requests, a line of JSON each.

{}              tokens per second of a turn of training steps
{"memory": 1}   the process's largest resident size so far, in MB
"""

from __future__ import annotations

import dataclasses
import itertools
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contender import serve
from tinytorch import _core
from tinytorch.datasets import ShakespeareExcerpt
from tinytorch.recipes import TEXT_RECIPES, TextRun

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


def prepare() -> tuple[str, Callable[[dict[str, Any]], float]]:
    who, recipe_name, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    recipe = TEXT_RECIPES[recipe_name]
    tokens = STEPS * recipe.batch_size * recipe.length
    if who.startswith("tinytorch"):
        turn = ours(recipe_name, "bf16" if who.endswith("bf16") else "f32", threads)
    else:
        turn = theirs(recipe_name, who, threads)
    turn()

    def reply(request: dict[str, Any]) -> float:
        if "memory" in request:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()
        turn()
        return tokens / (time.perf_counter() - start)

    return "ready", reply


if __name__ == "__main__":
    serve(prepare)
