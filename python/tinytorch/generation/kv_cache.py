"""Older path of `tinytorch.perf.memoization`."""

from ..perf.memoization import (
    BYTES_PER_FLOAT32,
    MB_TO_BYTES,
    KVCache,
    create_kv_cache,
    disable_kv_cache,
    enable_kv_cache,
)

__all__ = [
    "BYTES_PER_FLOAT32",
    "MB_TO_BYTES",
    "KVCache",
    "create_kv_cache",
    "disable_kv_cache",
    "enable_kv_cache",
]
