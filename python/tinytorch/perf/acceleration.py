"""Matrix products and a fused activation, as the course's acceleration lesson names them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..core.autograd import no_grad
from ..core.tensor import Tensor

DEFAULT_WARMUP_ITERATIONS = 2
DEFAULT_TIMING_ITERATIONS = 5
BYTES_PER_FLOAT32 = 4


def vectorized_matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b by the engine's blocked SIMD kernel; batched with broadcasting, untracked."""
    _check_operands(a, b)
    with no_grad():
        return a.matmul(b)


def tiled_matmul(a: Tensor, b: Tensor, tile_size: int = 64) -> Tensor:
    """a @ b as a sum of products of (tile_size, tile_size) tiles; untracked.

    Shows the cache-blocking idea: each tile of the result is finished while the operands' tiles are
    small enough to stay in cache. `vectorized_matmul` is faster, because the engine does the same
    inside one call.
    """
    _check_operands(a, b)
    if tile_size < 1:
        raise ValueError(f"tile_size must be at least 1, got {tile_size}")
    x, y = a.data, b.data
    rows, inner, columns = x.shape[-2], x.shape[-1], y.shape[-1]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.zeros((*batch, rows, columns), dtype=np.float32)
    with no_grad():
        for k in range(0, inner, tile_size):
            for i in range(0, rows, tile_size):
                left = Tensor(x[..., i : i + tile_size, k : k + tile_size])
                for j in range(0, columns, tile_size):
                    right = Tensor(y[..., k : k + tile_size, j : j + tile_size])
                    tile = out[..., i : i + tile_size, j : j + tile_size]
                    tile += left.matmul(right).data
    return Tensor(out)


def fused_gelu(x: Any) -> Tensor:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), float32, in one pass."""
    return _core.ops.gelu_tanh(x)


class Accelerator:
    """The engine's product under an older name."""

    @staticmethod
    def optimized_matmul(a: Tensor, b: Tensor) -> Tensor:
        return a.matmul(b)


def _check_operands(a: Any, b: Any) -> None:
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ValueError(f"Matrix product needs 2D+ tensors, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"Shape mismatch: {a.shape} @ {b.shape}, inner sizes {a.shape[-1]} ≠ {b.shape[-2]}"
        )
