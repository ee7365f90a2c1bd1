"""Key-value cache: keys and values of earlier tokens are kept, so that a new token costs one row.

`enable_kv_cache(model)` overrides `forward` of each block's attention:

- inputs longer than one position, and a single one while the cache is empty, run the original; what
  they computed as keys and values is kept for positions 0, 1, ...
- later single positions are computed alone and attend to everything kept before them.

The caller moves on with `model._kv_cache.advance()` after each token.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..engine import from_numpy
from ._cached_attention import CachedForward

BYTES_PER_FLOAT32 = 4
MB_TO_BYTES = 1024 * 1024

_MODEL_ATTRIBUTES = ("embed_dim", "num_layers", "num_heads", "max_seq_len", "blocks")


class KVCache:
    """Keys and values per layer, each (batch, heads, max_seq_len, head_dim), and a position."""

    def __init__(
        self, batch_size: int, max_seq_len: int, num_layers: int, num_heads: int, head_dim: int
    ) -> None:
        self.batch_size = batch_size
        self.max_seq_len = max_seq_len
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.head_dim = head_dim
        self.seq_pos = 0
        shape = (batch_size, num_heads, max_seq_len, head_dim)
        self.caches = [
            (Tensor(np.zeros(shape)), Tensor(np.zeros(shape))) for _ in range(num_layers)
        ]

    def update(self, layer_idx: int, key: Tensor, value: Tensor) -> None:
        """Write one position, (batch, heads, 1, head_dim), at `seq_pos`, without moving it."""
        if self.seq_pos >= self.max_seq_len:
            raise ValueError(
                f"Sequence position {self.seq_pos} is past the cache's {self.max_seq_len}; "
                "call reset() or make a longer cache"
            )
        self._check_layer(layer_idx)
        expected = (self.batch_size, self.num_heads, 1, self.head_dim)
        for name, tensor in (("key", key), ("value", value)):
            if tuple(tensor.shape) != expected:
                raise ValueError(f"{name} must have shape {expected}, got {tuple(tensor.shape)}")
        self.store(layer_idx, key, value, self.seq_pos)

    def store(self, layer_idx: int, key: Tensor, value: Tensor, position: int) -> None:
        """Write the positions of `key` and `value` from `position` on."""
        end = position + key.shape[2]
        for kept, new in zip(self.caches[layer_idx], (key, value), strict=True):
            kept.data[:, :, position:end] = new.data

    def get(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        """Copies of the first `seq_pos` positions of keys and values."""
        keys, values = self.view(layer_idx, self.seq_pos)
        return Tensor(keys.data), Tensor(values.data)

    def view(self, layer_idx: int, length: int) -> tuple[Tensor, Tensor]:
        """The first `length` positions, in the cache's own memory."""
        self._check_layer(layer_idx)
        keys, values = self.caches[layer_idx]
        return from_numpy(keys.data[:, :, :length]), from_numpy(values.data[:, :, :length])

    def _check_layer(self, layer_idx: int) -> None:
        if not 0 <= layer_idx < self.num_layers:
            raise ValueError(f"Layer index {layer_idx} is outside [0, {self.num_layers})")

    def advance(self) -> None:
        self.seq_pos += 1

    def reset(self) -> None:
        self.seq_pos = 0
        for keys, values in self.caches:
            keys.data.fill(0)
            values.data.fill(0)

    def get_memory_usage(self) -> dict[str, float]:
        """`total_mb` and `per_layer_mb` (2^20 bytes), `cache_tensors`, `total_elements`."""
        elements = sum(keys.size + values.size for keys, values in self.caches)
        total = elements * BYTES_PER_FLOAT32 / MB_TO_BYTES
        return {
            "total_mb": total,
            "per_layer_mb": total / self.num_layers if self.num_layers else 0.0,
            "cache_tensors": 2 * self.num_layers,
            "total_elements": elements,
        }


def create_kv_cache(
    batch_size: int, max_seq_len: int, num_layers: int, num_heads: int, head_dim: int
) -> KVCache:
    return KVCache(batch_size, max_seq_len, num_layers, num_heads, head_dim)


def enable_kv_cache(model: Any = None, *sizes: int, **named_sizes: int) -> KVCache:
    """`enable_kv_cache(model)`: give `model` a batch-1 cache and return it (see the module's text).

    The model needs embed_dim, num_layers, num_heads, max_seq_len and blocks with an `attention`
    each. With numbers (batch_size, max_seq_len, num_layers, num_heads, head_dim) it only makes a
    cache.
    """
    if isinstance(model, (int, np.integer)):
        return create_kv_cache(int(model), *sizes, **named_sizes)
    if named_sizes:
        return create_kv_cache(**named_sizes)
    return _enable(model)


def _enable(model: Any) -> KVCache:
    missing = [name for name in _MODEL_ATTRIBUTES if not hasattr(model, name)]
    if missing:
        raise AttributeError(f"Model missing {', '.join(missing)}: no key-value cache is possible")
    if model.embed_dim % model.num_heads != 0:
        raise ValueError(
            f"embed_dim ({model.embed_dim}) must be divisible by num_heads ({model.num_heads})"
        )
    head_dim = model.embed_dim // model.num_heads
    cache = create_kv_cache(1, model.max_seq_len, model.num_layers, model.num_heads, head_dim)
    for layer_idx, block in enumerate(model.blocks):
        if not isinstance(block.attention.forward, CachedForward):
            block._original_attention_forward = block.attention.forward
        original = block._original_attention_forward
        block.attention.forward = CachedForward(block.attention, original, cache, layer_idx)
    model._kv_cache = cache
    model._cache_enabled = True
    return cache


def disable_kv_cache(model: Any) -> None:
    """Undo `enable_kv_cache`: the blocks run their own attention again."""
    if not getattr(model, "_cache_enabled", False):
        print("The key-value cache is not enabled on this model.")
        return
    for block in model.blocks:
        if hasattr(block, "_original_attention_forward"):
            block.attention.forward = block._original_attention_forward
    model._cache_enabled = False
    if hasattr(model, "_kv_cache"):
        del model._kv_cache
