"""The attention `forward` that `enable_kv_cache` puts on a block."""

from __future__ import annotations

from typing import Any

from ..core.autograd import no_grad

_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj", "split_heads", "merge_heads", "attend")


class CachedForward:
    """Callable (x, mask=None): the original attention, or one new position against the cache.

    An attention object without projections (a stand-in) always runs its original.
    """

    def __init__(self, attention: Any, original: Any, cache: Any, layer_idx: int) -> None:
        self.attention = attention
        self.original = original
        self.cache = cache
        self.layer_idx = layer_idx
        self.usable = all(hasattr(attention, name) for name in _PROJECTIONS)

    def __call__(self, x: Any, mask: Any = None) -> Any:
        if not self.usable or len(x.shape) != 3 or x.shape[0] != self.cache.batch_size:
            return self.original(x, mask)
        if x.shape[1] > 1 or self.cache.seq_pos == 0:
            self._keep(x)
            return self.original(x, mask)
        return self._next(x)

    def _heads(self, projection: Any, x: Any) -> Any:
        return self.attention.split_heads(projection.forward(x))

    def _keep(self, x: Any) -> None:
        """Keys and values of positions 0 to S - 1, as the original computes them."""
        if x.shape[1] > self.cache.max_seq_len:
            return
        with no_grad():
            key = self._heads(self.attention.k_proj, x)
            value = self._heads(self.attention.v_proj, x)
        self.cache.store(self.layer_idx, key, value, 0)

    def _next(self, x: Any) -> Any:
        attention, cache = self.attention, self.cache
        query = self._heads(attention.q_proj, x)
        cache.update(
            self.layer_idx,
            self._heads(attention.k_proj, x),
            self._heads(attention.v_proj, x),
        )
        keys, values = cache.view(self.layer_idx, cache.seq_pos + 1)
        # Everything kept lies before the new position, so no mask is needed.
        output = attention.attend(query, keys, values)
        return attention.out_proj.forward(attention.merge_heads(output))
