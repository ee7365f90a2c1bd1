"""Token embeddings and positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ._module import Layer
from .autograd import EmbeddingBackward
from .tensor import Tensor

_ops = _core.ops

BYTES_PER_FLOAT32 = 4
MB_TO_BYTES = 1024 * 1024


class Embedding(Layer):
    """Row lookup: indices of any shape give that shape + (embed_dim,).

    The table (vocab_size, embed_dim) starts uniform in +-sqrt(6 / (vocab_size + embed_dim)).
    Indices may be a Tensor or array; values are truncated to int, outside the table: ValueError.
    """

    def __init__(self, vocab_size: int, embed_dim: int) -> None:
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        limit = math.sqrt(6.0 / (vocab_size + embed_dim))
        weight = np.random.uniform(-limit, limit, (vocab_size, embed_dim))
        self.weight = Tensor(weight, requires_grad=True)

    def forward(self, indices: Any) -> Tensor:
        ids = np.asarray(indices.data if isinstance(indices, Tensor) else indices).astype(np.int64)
        rows = self.weight.shape[0]
        if ids.size and not (ids.min() >= 0 and ids.max() < rows):
            raise ValueError(
                f"Index out of range: ids must be in [0, {rows}), got {ids.min()} to {ids.max()}"
            )
        return _ops.embedding(self.weight, ids)

    def __call__(self, indices: Any) -> Tensor:
        return self.forward(indices)

    def parameters(self) -> list[Tensor]:
        return [self.weight]

    def __repr__(self) -> str:
        return f"Embedding(vocab_size={self.vocab_size}, embed_dim={self.embed_dim})"


class PositionalEncoding(Layer):
    """Learned positions: adds row s of a table to position s of x (batch, sequence, embed_dim)."""

    def __init__(
        self,
        max_seq_len: int | None = None,
        embed_dim: int | None = None,
        *,
        max_length: int | None = None,
    ) -> None:
        max_seq_len = max_length if max_seq_len is None else max_seq_len
        if max_seq_len is None or embed_dim is None:
            raise TypeError("PositionalEncoding needs max_seq_len and embed_dim")
        self.max_seq_len = max_seq_len
        self.embed_dim = embed_dim
        limit = math.sqrt(2.0 / embed_dim)
        table = np.random.uniform(-limit, limit, (max_seq_len, embed_dim))
        self.position_embeddings = Tensor(table, requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        if len(x.shape) != 3:
            raise ValueError(f"Expected 3D input (batch, sequence, embed_dim), got shape {x.shape}")
        _, length, width = x.shape
        if length > self.max_seq_len:
            raise ValueError(f"Sequence length {length} exceeds maximum {self.max_seq_len}")
        if width != self.embed_dim:
            raise ValueError(
                f"Embedding dimension mismatch: expected {self.embed_dim}, got {width}"
            )
        return x + self.position_embeddings[:length]

    def parameters(self) -> list[Tensor]:
        return [self.position_embeddings]

    def __repr__(self) -> str:
        return f"PositionalEncoding(max_seq_len={self.max_seq_len}, embed_dim={self.embed_dim})"


def create_sinusoidal_embeddings(max_seq_len: int, embed_dim: int) -> Tensor:
    """(max_seq_len, embed_dim): sin in even columns, cos in odd ones (Vaswani et al. 2017).

    Column pair k has the frequency 10000^(-2k / embed_dim).
    """
    frequencies = 10000.0 ** (-np.arange(0, embed_dim, 2) / embed_dim)
    angles = np.arange(max_seq_len)[:, None] * frequencies
    table = np.zeros((max_seq_len, embed_dim))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : embed_dim // 2])
    return Tensor(table)


class EmbeddingLayer(Layer):
    """Token embedding plus positions: "learned", "sinusoidal" or None.

    Tokens (S,) give (S, D), (B, S) give (B, S, D). `scale_embeddings` multiplies token vectors by
    sqrt(embed_dim).
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        max_seq_len: int = 512,
        pos_encoding: str | None = "learned",
        scale_embeddings: bool = False,
    ) -> None:
        if pos_encoding not in ("learned", "sinusoidal", None):
            raise ValueError(
                f"Unknown pos_encoding {pos_encoding!r}: use 'learned', 'sinusoidal' or None"
            )
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.max_seq_len = max_seq_len
        self.pos_encoding_type = pos_encoding
        self.scale_embeddings = scale_embeddings
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.pos_encoding: PositionalEncoding | Tensor | None = None
        if pos_encoding == "learned":
            self.pos_encoding = PositionalEncoding(max_seq_len, embed_dim)
        elif pos_encoding == "sinusoidal":
            self.pos_encoding = create_sinusoidal_embeddings(max_seq_len, embed_dim)

    def forward(self, tokens: Any) -> Tensor:
        single = len(tokens.shape) == 1
        x = self.token_embedding.forward(tokens)
        if single:
            x = _ops.unsqueeze(x, 0)
        if self.scale_embeddings:
            x = _ops.mul(x, math.sqrt(self.embed_dim))
        if isinstance(self.pos_encoding, Tensor):
            x = self._add_table(x, self.pos_encoding)
        elif self.pos_encoding is not None:
            x = self.pos_encoding.forward(x)
        return _ops.squeeze(x, 0) if single else x

    def _add_table(self, x: Tensor, table: Tensor) -> Tensor:
        length = x.shape[1]
        if length > table.shape[0]:
            raise ValueError(f"Sequence length {length} exceeds maximum {table.shape[0]}")
        return x + table[:length]

    def __call__(self, tokens: Any) -> Tensor:
        return self.forward(tokens)

    def parameters(self) -> list[Tensor]:
        params = list(self.token_embedding.parameters())
        if self.pos_encoding is not None and not isinstance(self.pos_encoding, Tensor):
            params += self.pos_encoding.parameters()
        return params

    def __repr__(self) -> str:
        return (
            f"EmbeddingLayer(vocab_size={self.vocab_size}, embed_dim={self.embed_dim}, "
            f"pos_encoding={self.pos_encoding_type!r})"
        )


__all__ = [
    "BYTES_PER_FLOAT32",
    "MB_TO_BYTES",
    "Embedding",
    "EmbeddingBackward",
    "EmbeddingLayer",
    "PositionalEncoding",
    "Tensor",
    "create_sinusoidal_embeddings",
]
