"""Loss and accuracy, summed over batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .core.tensor import Tensor


class Evaluation(NamedTuple):
    """Mean loss per sample, and the share of right answers (None where there is no such thing)."""

    loss: float
    accuracy: float | None


@dataclass
class Totals:
    """Sums over the batches of the running epoch."""

    batches: int = 0
    samples: int = 0
    loss: float = 0.0
    hits: int = 0
    answers: int = 0

    def add(self, loss: float, outputs: Any, targets: Any) -> None:
        samples = np.shape(array_of(targets))[0] if np.ndim(array_of(targets)) else 1
        hits, answers = count_hits(outputs, targets)
        self.batches += 1
        self.samples += samples
        self.loss += loss * samples
        self.hits += hits
        self.answers += answers

    def means(self) -> Evaluation:
        loss = self.loss / self.samples if self.samples else 0.0
        return Evaluation(loss, self.hits / self.answers if self.answers else None)


def count_hits(outputs: Any, targets: Any) -> tuple[int, int]:
    """(answers whose largest output is the target class, answers).

    Outputs (..., classes) with targets (...) of class numbers or (..., classes) of shares; (0, 0)
    for other shapes.
    """
    scores, wanted = array_of(outputs), array_of(targets)
    if scores.ndim < 2 or scores.shape[-1] < 2:
        return 0, 0
    predicted = scores.argmax(axis=-1)
    if wanted.shape == scores.shape:
        wanted = wanted.argmax(axis=-1)
    if wanted.shape != predicted.shape:
        return 0, 0
    return int(np.count_nonzero(predicted == wanted)), predicted.size


def array_of(value: Any) -> np.ndarray:
    """The values of a Tensor, or of anything NumPy reads."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)
