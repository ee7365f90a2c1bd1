"""Test images worth showing: mistakes first, then some that every model gets right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..report.record import Example, Prediction
from .data import Data
from .measure import probabilities


def examples(data: Data, outputs: Mapping[str, np.ndarray], count: int = 18) -> list[Example]:
    """Up to `count` test images with the answers of the models, given their outputs by key.

    Mistakes take at most half of the places, those made with most confidence first.
    """
    shares = {key: probabilities(scores) for key, scores in outputs.items()}
    answers = {key: share.argmax(axis=1) for key, share in shares.items()}
    wrong = np.any([answer != data.labels for answer in answers.values()], axis=0)
    sureness = np.max([share.max(axis=1) for share in shares.values()], axis=0)
    mistakes = np.flatnonzero(wrong)
    mistakes = mistakes[np.argsort(-sureness[mistakes], kind="stable")][: count // 2]
    right = _spread(np.flatnonzero(~wrong), data.labels, count - len(mistakes))
    return [_example(int(i), data, shares, answers) for i in [*mistakes, *right]]


def _spread(rows: np.ndarray, labels: np.ndarray, count: int) -> list[int]:
    """The first rows of each class in turn."""
    by_class = [list(rows[labels[rows] == c]) for c in np.unique(labels[rows])]
    turns = [int(group[n]) for n in range(count) for group in by_class if n < len(group)]
    return turns[:count]


def _example(
    index: int,
    data: Data,
    shares: Mapping[str, np.ndarray],
    answers: Mapping[str, np.ndarray],
) -> Example:
    grey = data.images[index].mean(axis=0)
    pixels = np.clip(np.rint(grey * 255), 0, 255).astype(int)
    said = [
        Prediction(key, data.classes[int(answers[key][index])], float(shares[key][index].max()))
        for key in shares
    ]
    return Example(index, pixels.tolist(), data.classes[int(data.labels[index])], said)
