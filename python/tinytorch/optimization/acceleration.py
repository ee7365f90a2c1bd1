"""Older path of `tinytorch.perf.acceleration`."""

from ..perf.acceleration import (
    fused_gelu,
    tiled_matmul,
    vectorized_matmul,
)

__all__ = [
    "fused_gelu",
    "tiled_matmul",
    "vectorized_matmul",
]
