"""A single-layer key-value cache and attention over it, for stand-alone scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.attention import MultiHeadAttention
from ..core.autograd import no_grad
from ..core.tensor import Tensor


class KVCache:
    """Keys and values of one layer, (batch, heads, length, head_dim), for up to `max_seq_len`."""

    def __init__(self, batch_size: int, num_heads: int, head_dim: int, max_seq_len: int) -> None:
        self.batch_size = batch_size
        self.num_heads = num_heads
        self.head_dim = head_dim
        self.max_seq_len = max_seq_len
        shape = (batch_size, num_heads, max_seq_len, head_dim)
        self.keys = np.zeros(shape, dtype=np.float32)
        self.values = np.zeros(shape, dtype=np.float32)
        self.seq_pos = 0

    def update(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append positions; returns all keys and values so far."""
        end = self.seq_pos + key.shape[2]
        if end > self.max_seq_len:
            raise ValueError(f"Sequence position {end} exceeds the cache's {self.max_seq_len}")
        self.keys[:, :, self.seq_pos : end] = key.data
        self.values[:, :, self.seq_pos : end] = value.data
        self.seq_pos = end
        return self.get()

    def get(self) -> tuple[Tensor, Tensor]:
        return Tensor(self.keys[:, :, : self.seq_pos]), Tensor(self.values[:, :, : self.seq_pos])

    def reset(self) -> None:
        self.seq_pos = 0


class CachedMultiHeadAttention(MultiHeadAttention):
    """Causal multi-head attention; with a cache, x continues what the cache holds."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__(d_model, num_heads)
        self.d_model = d_model

    def forward(self, x: Any, mask: Any = None, cache: KVCache | None = None) -> Tensor:
        if cache is None:
            return super().forward(x, mask)
        before, length = cache.seq_pos, x.shape[1]
        query, key, value = (
            self.split_heads(projection.forward(x))
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        keys, values = cache.update(key, value)
        seen = np.tril(np.ones((length, before + length), dtype=np.float32), before)
        return self.out_proj.forward(self.merge_heads(self.attend(query, keys, values, seen)))

    def __call__(self, x: Any, mask: Any = None, cache: KVCache | None = None) -> Tensor:
        return self.forward(x, mask, cache)


def generate_with_cache(
    model_func: Callable[[Tensor, KVCache], Any],
    prompt_tokens: Any,
    max_new_tokens: int,
    cache: KVCache,
) -> Tensor:
    """Greedy generation: `model_func(tokens, cache)` gives logits (B, S, vocabulary)."""
    tokens = np.atleast_2d(np.asarray(prompt_tokens, dtype=np.float32))
    new = tokens
    cache.reset()
    with no_grad():
        for _ in range(max_new_tokens):
            logits = np.asarray(model_func(Tensor(new), cache))
            new = logits[:, -1].argmax(axis=-1).astype(np.float32)[:, None]
            tokens = np.concatenate([tokens, new], axis=1)
    return Tensor(tokens)
