"""An exponential moving average of a model in training (Polyak and Juditsky 1992, with decay)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import _train_state as parts


class WeightAverage:
    """average += (1 - d) (model - average) after each update n = 1, 2, ..., over all parameters and
    buffers, with d = min(decay, n / (n + 9)): a short training is averaged over a short past."""

    def __init__(self, decay: float) -> None:
        if not 0.0 < decay < 1.0:
            raise ValueError(f"decay must lie between 0 and 1, got {decay}")
        self.decay = decay
        self.updates = 0
        self.arrays: dict[str, np.ndarray] = {}

    def update(self, model: Any) -> None:
        self.updates += 1
        now = parts.model_state(model)
        if not self.arrays:
            self.arrays = now  # copies already
            return
        rate = np.float32(1.0 - min(self.decay, self.updates / (self.updates + 9)))
        for name, array in self.arrays.items():
            array += rate * (now[name] - array)

    def copy_to(self, model: Any) -> None:
        """Give the model the averaged values, if there are any yet."""
        if self.arrays:
            parts.set_model_state(model, self.arrays)

    @contextlib.contextmanager
    def applied(self, model: Any) -> Iterator[None]:
        """The model has the averaged values within a with block."""
        own = parts.model_state(model)
        self.copy_to(model)
        try:
            yield
        finally:
            parts.set_model_state(model, own)

    def restore(self, arrays: Mapping[str, np.ndarray], updates: int) -> None:
        self.arrays = {name: np.array(array) for name, array in arrays.items()}
        self.updates = updates
