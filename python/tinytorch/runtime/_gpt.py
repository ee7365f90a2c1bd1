"""Inference with a GPT: weights packed once, keys and values kept per sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..models.gpt import GptConfig

GptSequence = _core.runtime.GptSequence


class GptSession:
    """A GPT whose weights were packed once in a number format; immutable, shared by threads.

    Results depend neither on the number of threads, nor on which sequences share a call, nor on
    whether positions come one by one or many at once.

    Args:
        weights: arrays by canonical name (`tinytorch.models.gpt`); `tinytorch.models.gpt_names`
            makes them of the names that others have.
        config: the sizes and choices that the arrays belong to.
        precision: of weights: "f32", "bf16", "int8" (a scale per output, activations quantized row
            by row) or "int4" (a scale per 32 inputs, activations likewise).
        head: the same of the output weight, where rounding costs most; None is `precision`. If it
            is tied, tokens are read from it; else their table is float32, half precision (bf16) or
            int8 (int8, int4), by this format.
        cache: of keys and values: "f32", "f16" (11 bits, half of what a token reads of its past) or
            "int8" (a scale per position and head, a quarter); None takes f32 for f32 weights, else
            f16.

    Raises:
        ValueError: a weight that is missing, has no place, does not fit, or holds NaN or infinity;
            an unknown name.
    """

    def __init__(
        self,
        weights: Mapping[str, Any],
        config: GptConfig,
        *,
        precision: str = "f32",
        head: str | None = None,
        cache: str | None = None,
    ) -> None:
        if not isinstance(config, GptConfig):
            raise TypeError(f"config must be a GptConfig, got {type(config).__name__}")
        if cache is None:
            cache = "f32" if precision == "f32" else "f16"
        self._config, self._cache = config, cache
        self._native = _core.runtime.GptSession(
            dict(weights), asdict(config), precision, precision if head is None else head, cache
        )

    @property
    def config(self) -> GptConfig:
        """The sizes and choices of the model."""
        return self._config

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self._native.vocabulary

    @property
    def max_length(self) -> int:
        """Positions that a sequence can have."""
        return self._native.max_length

    @property
    def precision(self) -> str:
        """The weights' number format."""
        return self._native.precision

    @property
    def cache(self) -> str:
        """The number format of keys and values."""
        return self._cache

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and tables kept, as a file would hold them; a tied table once."""
        return self._native.nbytes

    def sequence(self, capacity: int | None = None) -> GptSequence:
        """Return an empty sequence with room for `capacity` positions (all, if not given)."""
        return self._native.sequence(self.max_length if capacity is None else capacity)

    def append(
        self,
        sequences: Sequence[GptSequence],
        tokens: Sequence[Sequence[int] | npt.NDArray[Any]],
        wanted: int | Sequence[int] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Append tokens to sequences, any number to each; all are computed together.

        Args:
            sequences: made by `sequence()` of this session, each once.
            tokens: of each sequence, at least one.
            wanted: of how many of its last tokens each sequence wants logits: one number for all
                or one per sequence, from 0 (a part of a prompt) to all of them (to score a text);
                None is 1.

        Returns:
            Logits (sum of wanted, vocabulary) of what follows each wanted token, sequence after
            sequence.

        Raises:
            ValueError: no tokens, a token outside the vocabulary, a sequence without room or of
                another session, a `wanted` that is negative or more than the tokens. No sequence
                has changed then.
            RuntimeError: a sequence that is named twice, or in use by another thread.
        """
        return self._native.append(sequences, tokens, wanted)

    def generate(self, prompts: npt.ArrayLike, count: int) -> npt.NDArray[np.int64]:
        """Return the `count` likeliest tokens, one after the other, after prompts (batch, length).

        Of equally likely tokens the smallest is taken. Shape (batch, count).
        """
        return self._native.generate(prompts, count)
