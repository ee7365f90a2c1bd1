"""One contender of cifar_train.py in a process of its own (training_rates.serve_turns)."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from cifar.candidates import candidate_recipe
from tinytorch import _core
from tinytorch.datasets import CIFAR10
from tinytorch.recipes import ImageRecipe, RecipeRun, recipe
from training_rates import serve_turns

TURN = 2048  # images, at least two batches
EPOCHS = 1000


def recipe_of(name: str) -> ImageRecipe:
    """A recipe by name; `separable` is that of the candidate of cifar_sweep.py."""
    return candidate_recipe("separable 48-96-192") if name == "separable" else recipe(name)


def steps(recipe_name: str) -> int:
    return max(2, TURN // recipe_of(recipe_name).batch_size)


def turn_images(recipe_name: str) -> int:
    return steps(recipe_name) * recipe_of(recipe_name).batch_size


class Noise(CIFAR10):
    """An epoch is a turn."""

    def __init__(self, images: int) -> None:
        self._parts = {}
        self._images = images

    def _load(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        r = np.random.default_rng(0)
        pixels = r.integers(0, 256, (self._images, 3, 32, 32), dtype=np.uint8)
        return pixels, r.integers(0, 10, self._images, dtype=np.uint8)


def prepared(recipe_name: str, precision: str) -> RecipeRun:
    # Steps on whole images: what nearly all of a training is made of.
    endless = dataclasses.replace(recipe_of(recipe_name), epochs=EPOCHS, small_epochs=0)
    data = Noise(turn_images(recipe_name))
    return RecipeRun(endless, precision=precision, data=data, progress=False)


def ours(recipe_name: str, precision: str, threads: int) -> Callable[[], None]:
    """A turn is an epoch of the trainer that `tinytorch train` runs."""
    _core.set_num_threads(threads)
    trainer, loader, _ = prepared(recipe_name, precision).prepare()
    return lambda: trainer.fit(loader, trainer.epoch + 1) and None


def theirs(recipe_name: str, who: str, threads: int) -> Callable[[], None]:
    import torch

    from cifar.torch_recipe import TorchTraining

    torch.set_num_threads(threads)
    run = prepared(recipe_name, "f32")
    run.prepare()
    images, labels = Noise(turn_images(recipe_name)).raw("train")
    training = TorchTraining(
        run.network, run.recipe, images, labels, EPOCHS * steps(recipe_name),
        bf16="bf16" in who, compiled="compile" in who, places=run.places,
    )  # fmt: skip

    def turn() -> None:
        for _ in range(steps(recipe_name)):
            training.step()

    return turn


if __name__ == "__main__":
    serve_turns(ours, theirs, turn_images)
