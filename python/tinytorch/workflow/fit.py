"""Training a network by its recipe."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _core
from ..core.losses import CrossEntropyLoss
from ..core.optimizers import AdamW
from ..core.training import CosineSchedule
from ..models.registry import Recipe
from ..report.record import Curves
from ..train import Trainer
from .data import Data


@dataclass
class Fit:
    """How a training ended. `stopped` is None, or "interrupted"."""

    curves: Curves
    epochs: int
    stopped: str | None
    trainer: Trainer = field(repr=False)


def seed_all(seed: int) -> None:
    """Seed the generators of Python, NumPy and the engine: initial weights, dropout, shuffling."""
    random.seed(seed)
    np.random.seed(seed)
    _core.manual_seed(seed)


def fit(
    network: Any,
    data: Data,
    recipe: Recipe,
    seed: int,
    *,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | str = False,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    after_step: Callable[[], None] | None = None,
) -> Fit:
    """Train `network` in place; checkpoints go to `folder`, and `resume` starts from them.

    `after_step` is called after each update (to hold pruned weights at zero).
    """
    optimizer = AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    if after_step is not None:
        optimizer.step = _followed_by(optimizer.step, after_step)  # type: ignore[method-assign]
    trainer = Trainer(
        network,
        optimizer,
        CrossEntropyLoss(label_smoothing=recipe.label_smoothing),
        schedule=CosineSchedule(recipe.lr, recipe.lr / 100, recipe.epochs),
        folder=folder,
        progress=progress,
        on_epoch=on_epoch,
    )
    started = time.perf_counter()
    train = data.train_loader(recipe.batch_size, seed, recipe.shift, recipe.shift_share)
    history = trainer.fit(train, recipe.epochs, data.test_loader(), resume=resume)
    network.eval()
    return Fit(
        _curves(history, time.perf_counter() - started), trainer.epoch, trainer.stopped, trainer
    )


def _followed_by(step: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        step()
        then()

    return both


def _curves(history: list[dict[str, Any]], seconds: float) -> Curves:
    return Curves(
        [row["train_loss"] for row in history],
        [row["val_loss"] for row in history],
        [row["val_accuracy"] for row in history],
        seconds,
    )
