"""Initialisers: each fills a Tensor in place and returns it (PyTorch's names).

Draws come from NumPy's global generator, or from `generator` (a numpy.random.Generator). Fans: a
matrix is (in, out), as in Linear; a convolution weight is (out, in, kernel height, kernel width).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity: str, slope: float = 0.01) -> float:
    """The factor that keeps variances through an activation (He et al. 2015)."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"no gain for {nonlinearity!r}: use leaky_relu or one of {sorted(_GAINS)}")
    return _GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan in, fan out) of a weight."""
    shape = tensor.shape
    if len(shape) < 2:
        raise ValueError(f"fans need a weight of at least two axes, got shape {shape}")
    if len(shape) == 2:
        return shape[0], shape[1]
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def constant_(tensor: Tensor, value: float) -> Tensor:
    tensor.data = np.full(tensor.shape, value, dtype=np.float32)
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    return constant_(tensor, 1.0)


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0, generator: Any = None) -> Tensor:
    tensor.data = (generator or np.random).uniform(low, high, tensor.shape)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    tensor.data = (generator or np.random).normal(mean, std, tensor.shape)
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010)."""
    limit = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -limit, limit, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal of deviation gain sqrt(2 / (fan in + fan out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor, mode: str = "fan_in", nonlinearity: str = "relu", generator: Any = None
) -> Tensor:
    """Uniform in +-gain sqrt(3 / fan) (He et al. 2015)."""
    limit = calculate_gain(nonlinearity) * math.sqrt(3 / _fan(tensor, mode))
    return uniform_(tensor, -limit, limit, generator)


def kaiming_normal_(
    tensor: Tensor, mode: str = "fan_in", nonlinearity: str = "relu", generator: Any = None
) -> Tensor:
    """Normal of deviation gain / sqrt(fan)."""
    std = calculate_gain(nonlinearity) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Rows or columns (whichever are fewer) orthonormal, times `gain` (Saxe et al. 2014)."""
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    draws = (generator or np.random).normal(0.0, 1.0, (max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(draws)
    q = q * np.sign(np.diagonal(r))  # makes the result uniformly distributed
    tensor.data = gain * (q.T if rows < columns else q).reshape(tensor.shape)
    return tensor


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans(tensor)[mode == "fan_out"]
