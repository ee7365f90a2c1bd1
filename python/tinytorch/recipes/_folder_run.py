"""What trainings by a recipe have in common: settings, a folder, how they begin, stop and go on.

train.json                what is trained and how, written before the first step
checkpoints/              the state after every epoch
history.json              a row per finished epoch, with the seconds trained until then
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..io import save_json
from ..train import Trainer
from ._precision import chosen


class FolderRun:
    """A training whose parts `prepare` makes; `_conclude` does what is left when it is done.

    Attributes: network; history; seconds (of training); stopped: None or "interrupted".
    """

    network: Any

    def __init__(
        self,
        recipe: Any,
        *,
        folder: str | os.PathLike[str] | None,
        seed: int,
        holdout: int,
        precision: str,
        resume: bool,
        progress: bool | str,
        on_epoch: Callable[[dict[str, Any]], Any] | None,
    ) -> None:
        self.recipe, self.seed, self.holdout, self.resume = recipe, seed, holdout, resume
        self.folder = None if folder is None else Path(folder)
        self.precision = chosen(precision)
        self.progress = progress
        self.on_epoch = on_epoch
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.stopped: str | None = None

    def settings(self) -> dict[str, Any]:
        """What decides the result."""
        return {
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "holdout": self.holdout,
            "precision": self.precision,
        }

    def train(self) -> Any:
        """Train to the end, or to Ctrl-C: `stopped` is then "interrupted". The network."""
        trainer, loader, held = self.prepare()
        if self.folder is not None and not self.resume:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_json(self.folder / "train.json", self.settings())
        trainer.fit(loader, self._epochs(), self._validation(held), resume=self.resume)
        self.network.eval()
        self.stopped, self.seconds = trainer.stopped, trainer.seconds
        self.history = [
            {**row, **self._about_epoch(row["epoch"]), "seconds": seconds}
            for row, seconds in zip(trainer.history, trainer.epoch_seconds, strict=True)
        ]
        if self.folder is not None:
            save_json(self.folder / "history.json", self.history)
        if self.stopped is None:
            self._conclude(held)
        return self.network

    def prepare(self) -> tuple[Trainer, Any, Any]:
        """`network` with its starting weights; what trains it, with which batches, and what it is
        evaluated on."""
        raise NotImplementedError

    def _epochs(self) -> int:
        raise NotImplementedError

    def _validation(self, held: Any) -> Any:
        return held

    def _about_epoch(self, epoch: int) -> dict[str, Any]:
        return {}

    def _conclude(self, held: Any) -> None:
        raise NotImplementedError

    def _checkpoints(self) -> Path | None:
        return None if self.folder is None else self.folder / "checkpoints"

    def _epoch_done(self, row: dict[str, Any]) -> None:
        if self.on_epoch is not None:
            self.on_epoch(row)
