"""Checks of notebooks/04_tiny_gpt."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.transformer import create_causal_mask
from ..perf.memoization import KVCache
from ._verdict import call, require, require_close


def _mask(answer: Any) -> str:
    for length in (1, 2, 6):
        got = np.asarray(call(answer, length), np.float64)
        require(got.shape == (length, length), f"shape {got.shape}, expected {(length, length)}")
        require(length == 1 or got[0, -1] == 0, "the first token must not see the last: 0 above")
        require_close(got, create_causal_mask(length).data[0], f"length {length}")
    return "no token sees what comes after it"


def _top_k(answer: Any) -> str:
    rng = np.random.default_rng(6)
    logits = np.array([0.0, 3.0, -2.0, 2.0, 2.5, -9.0])
    draws = np.array([int(call(answer, logits.copy(), 3, rng)) for _ in range(4000)])
    require(set(draws.tolist()) <= {1, 3, 4}, "only the k most probable tokens may be drawn")
    weights = np.exp(logits[[1, 3, 4]] - 3.0)
    expected = weights / weights.sum()
    shares = np.array([(draws == i).mean() for i in (1, 3, 4)])
    require(
        np.abs(shares - expected).max() < 0.04,
        f"shares {shares.round(2)}, expected about {expected.round(2)}: softmax over the kept",
    )
    greedy = {int(call(answer, logits + 5000, 1, rng)) for _ in range(5)}
    require(greedy == {1}, "with k = 1 the most probable token must always win")
    return "4,000 draws, with the shares of the softmax over the k best"


def _cache_bytes(answer: Any) -> str:
    for layers, heads, width, positions in ((2, 4, 16, 64), (12, 12, 64, 1024), (1, 1, 8, 5)):
        usage = KVCache(1, positions, layers, heads, width).get_memory_usage()
        expected = 4 * int(usage["total_elements"])
        got = call(answer, layers, heads, width, positions)
        require(2 * got != expected, "keys and values: two arrays for each layer")
        require(got == expected, f"got {got:,} bytes, expected {expected:,} (float32)")
    return "the bytes that KVCache takes"


CHECKS = {"04.1": _mask, "04.2": _top_k, "04.3": _cache_bytes}
