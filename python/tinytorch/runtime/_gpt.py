"""Inference with a GPT-2: weights packed once, keys and values kept per sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

GptSequence = _core.runtime.GptSequence


class GptSession:
    """A GPT-2 whose weights were packed once in a number format; immutable, shared by threads.

    Results depend neither on the number of threads, nor on which sequences share a call, nor on
    whether positions come one by one or many at once.

    Args:
        weights: arrays by GPT-2's published names: `wte.weight`, `wpe.weight`,
            `h.N.{ln_1,attn.c_attn,attn.c_proj,ln_2,mlp.c_fc,mlp.c_proj}.{weight,bias}`,
            `ln_f.{weight,bias}`, and `lm_head.weight` if it is not the token table. Matrices of
            blocks are (in, out), as there.
        heads: attention heads of a block.
        eps: what norms add to the variance.
        activation: "gelu_tanh" (GPT-2's), "gelu", "gelu_sigmoid" or "relu".
        precision: of weights: "f32", "bf16", "int8" (a scale per output, activations quantized row
            by row) or "int4" (a scale per 32 inputs, activations likewise).
        cache: of keys and values: "f32" or "f16"; None takes f32 for f32 weights, else f16, which
            rounds to 11 bits and halves what a token reads of its past.

    Raises:
        ValueError: a weight that is missing or does not fit, heads that do not divide the width,
            an unknown name.
    """

    def __init__(
        self,
        weights: Mapping[str, Any],
        *,
        heads: int,
        eps: float = 1e-5,
        activation: str = "gelu_tanh",
        precision: str = "f32",
        cache: str | None = None,
    ) -> None:
        if cache is None:
            cache = "f32" if precision == "f32" else "f16"
        self._native = _core.runtime.GptSession(
            dict(weights), heads, eps, activation, precision, cache
        )

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
    def nbytes(self) -> int:
        """Bytes of the weights and tables kept; a tied token table counts beside the head."""
        return self._native.nbytes

    def sequence(self, capacity: int | None = None) -> GptSequence:
        """Return an empty sequence with room for `capacity` positions (all, if not given)."""
        return self._native.sequence(self.max_length if capacity is None else capacity)

    def append(
        self, sequences: Sequence[GptSequence], tokens: Sequence[Sequence[int] | npt.NDArray[Any]]
    ) -> npt.NDArray[np.float32]:
        """Append tokens to sequences, any number to each; all are computed together.

        Returns:
            Logits (sequences, vocabulary) of what follows the last token of each.

        Raises:
            ValueError: no tokens, a token outside the vocabulary, a sequence without room. No
                sequence has changed then.
            RuntimeError: a sequence that is named twice, or in use by another thread.
        """
        return self._native.append(sequences, tokens)

    def generate(self, prompts: npt.ArrayLike, count: int) -> npt.NDArray[np.int64]:
        """Return the `count` likeliest tokens, one after the other, after prompts (batch, length).

        Of equally likely tokens the smallest is taken. Shape (batch, count).
        """
        return self._native.generate(prompts, count)
