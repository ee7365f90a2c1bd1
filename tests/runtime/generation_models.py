"""Small models whose next tokens differ in likelihood, tokenizers, and generation step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gpt_reference import random_weights

from tinytorch.models.gpt import GptConfig
from tinytorch.runtime import GptSession, Sampling

CONFIG = GptConfig(29, 16, layers=2, heads=2, max_length=64)


def small_session(
    seed: int = 0, vocabulary: int = 29, max_length: int = 64, sharp: float = 3.0, **options: Any
) -> GptSession:
    config = GptConfig(vocabulary, 16, layers=2, heads=2, max_length=max_length)
    weights = random_weights(config, seed)
    weights["norm.gamma"] *= sharp
    return GptSession(weights, config, **options)


def ids_of(n: int, seed: int = 1, vocabulary: int = 29) -> list[int]:
    return np.random.default_rng(seed).integers(0, vocabulary, n).tolist()


def plain(session: GptSession, prompt: Sequence[int], count: int, sampling: Sampling) -> list[int]:
    """`count` tokens, each from the whole text before it."""
    text = list(prompt)
    for place in range(count):
        logits = session.append([session.sequence()], [text])[0]
        text.append(sampling.sample(logits, text, place))
    return text[len(prompt) :]


class Pieces:
    """A tokenizer whose token t stands for PIECES[t]; it encodes single characters."""

    PIECES = [chr(97 + i).encode() for i in range(20)] + [
        b"ab", b"ba", b" c", b"\n", b"\n\n", "é".encode(), b"\xc3", b"\xa9", b"",
    ]  # fmt: skip

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode(self, text: str) -> list[int]:
        return [ord(c) - 97 for c in text]

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        self.asked.extend(ids)
        return b"".join(self.PIECES[i] for i in ids)
