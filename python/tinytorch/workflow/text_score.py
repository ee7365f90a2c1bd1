"""How well a language model predicts a text, and how far it is from another model.

Every token but the first is predicted once. Windows of the model's whole length overlap, so that
each prediction sees at least length - stride tokens before it, where the text has that many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..runtime import GptSession

_LOGITS = 1 << 23  # held at a time


@dataclass(frozen=True)
class TextScore:
    """nats: mean of -ln p over the predicted `tokens`. divergence: mean of KL(reference || model)
    over them, in nats, if there was a reference."""

    nats: float
    tokens: int
    divergence: float | None = None

    def per_character(self, characters: int) -> float:
        """Nats per character, where the predicted tokens are so many characters."""
        return self.nats * self.tokens / characters

    def bits(self, characters: int) -> float:
        """Bits per character, likewise."""
        return self.per_character(characters) / math.log(2)


@dataclass(frozen=True)
class _Window:
    start: int  # of its inputs
    inputs: int
    wanted: int  # predictions that count: those of its last inputs


def score(
    session: GptSession,
    ids: np.ndarray,
    *,
    length: int | None = None,
    stride: int | None = None,
    reference: GptSession | None = None,
) -> TextScore:
    """Score the text `ids` (count,).

    Args:
        length: of windows; the model's whole length if not given.
        stride: between windows; half of the length if not given, and at most all of it: then
            windows stand side by side.
        reference: a model whose predictions are what `session`'s are compared with.

    Raises:
        ValueError: fewer than two tokens, sizes out of range, vocabularies of different size.
    """
    most = session.max_length if reference is None else min(
        session.max_length, reference.max_length
    )  # fmt: skip
    length = most if length is None else length
    stride = max(1, length // 2) if stride is None else stride
    if not 1 <= stride <= length <= most:
        raise ValueError(f"needs 1 <= stride <= length <= {most}, got {stride} and {length}")
    if len(ids) < 2:
        raise ValueError(f"a text needs two tokens for one prediction, got {len(ids)}")
    if reference is not None and reference.vocabulary != session.vocabulary:
        raise ValueError(
            f"the models have {session.vocabulary} and {reference.vocabulary} tokens: "
            "only models of one vocabulary can be compared"
        )
    nats = divergence = 0.0
    windows = list(_windows(len(ids) - 1, length, stride))
    together = max(1, _LOGITS // (length * session.vocabulary))
    for i in range(0, len(windows), together):
        some = windows[i : i + together]
        targets = np.concatenate([_targets(ids, w) for w in some])
        logs = _log_probabilities(session, ids, some)
        nats -= float(logs[np.arange(len(targets)), targets].sum(dtype=np.float64))
        if reference is not None:
            true = _log_probabilities(reference, ids, some)
            divergence += float((np.exp(true) * (true - logs)).sum(dtype=np.float64))
    count = len(ids) - 1
    return TextScore(nats / count, count, None if reference is None else divergence / count)


def _windows(predictions: int, length: int, stride: int) -> Iterator[_Window]:
    done = 0
    while done < predictions:
        new = min(length if done == 0 else stride, predictions - done)
        end = done + new
        inputs = min(length, end)
        yield _Window(end - inputs, inputs, new)
        done = end


def _targets(ids: np.ndarray, w: _Window) -> np.ndarray:
    end = w.start + w.inputs
    return ids[end - w.wanted + 1 : end + 1]


def _log_probabilities(session: GptSession, ids: np.ndarray, windows: list[_Window]) -> np.ndarray:
    sequences = [session.sequence(w.inputs) for w in windows]
    inputs = [ids[w.start : w.start + w.inputs] for w in windows]
    logits = session.append(sequences, inputs, wanted=[w.wanted for w in windows])
    logits = logits - logits.max(axis=1, keepdims=True)
    logs: np.ndarray = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logs
