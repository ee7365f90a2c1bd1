"""Bound gradients by their global norm or by value. Gradients may be arrays or Tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .tensor import Tensor


def clip_grad_norm(parameters: Iterable[Any], max_norm: float = 1.0) -> float:
    """Scale all gradients together so that their joint L2 norm is at most `max_norm`.

    Returns the norm before clipping; 0.0 where there is no gradient.
    """
    params = [p for p in parameters if p.grad is not None]
    total = math.sqrt(sum(_squared_norm(_array(p)) for p in params))
    if total > max_norm:
        scale = max_norm / total
        for param in params:
            _replace(param, _array(param) * scale)
    return total


def clip_grad_value(parameters: Iterable[Any], max_value: float) -> None:
    """Bring every gradient element into [-max_value, max_value]."""
    if max_value < 0:
        raise ValueError(f"max_value must not be negative, got {max_value}")
    for param in parameters:
        if param.grad is not None:
            _replace(param, np.clip(_array(param), -max_value, max_value))


def _array(param: Any) -> np.ndarray:
    grad = param.grad
    return np.asarray(grad.data if isinstance(grad, Tensor) else grad)


def _squared_norm(grad: np.ndarray) -> float:
    flat = grad.ravel().astype(np.float64)
    return float(np.dot(flat, flat))


def _replace(param: Any, values: np.ndarray) -> None:
    if isinstance(param.grad, Tensor):
        param.grad.data = values
    else:
        param.grad = np.asarray(values, dtype=np.float32)
