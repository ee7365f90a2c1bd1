"""Layers as functions. All take and give Tensors and let gradients through.

Images are (N, C, H, W).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..core._attention_masks import additive_bias
from ..core._containers import flatten
from ..core.losses import CrossEntropyLoss, MSELoss
from ..core.tensor import Tensor

_ops = _core.ops


def relu(x: Any) -> Tensor:
    """max(0, x)"""
    return _ops.relu(x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope x"""
    return _ops.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1)"""
    return _ops.elu(x, alpha)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))"""
    return _ops.sigmoid(x)


def tanh(x: Any) -> Tensor:
    return _ops.tanh(x)


def silu(x: Any) -> Tensor:
    """x sigmoid(x)"""
    return _ops.silu(x)


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x))"""
    return _ops.softplus(x)


def gelu(x: Any, approximate: str = "sigmoid") -> Tensor:
    """x Phi(x): "none" is the erf form, "tanh" the usual approximation, "sigmoid" the layer's."""
    forms = {"sigmoid": _ops.gelu_sigmoid, "tanh": _ops.gelu_tanh, "none": _ops.gelu}
    if approximate not in forms:
        raise ValueError(f"approximate must be one of {sorted(forms)}, got {approximate!r}")
    return forms[approximate](x)


def softmax(x: Any, dim: int = -1) -> Tensor:
    return _ops.softmax(x, dim)


def log_softmax(x: Any, dim: int = -1) -> Tensor:
    return _ops.log_softmax(x, dim)


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x W + b, with W of shape (in, out)."""
    return _ops.linear(x, weight, bias)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation; weight (out, in / groups, kernel height, kernel width)."""
    return _ops.conv2d(x, weight, bias, stride, padding, dilation, groups)


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    return _ops.max_pool2d(x, kernel_size, stride, padding)


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    return _ops.avg_pool2d(x, kernel_size, stride, padding)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    return _ops.adaptive_avg_pool2d(x, output_size)


def adaptive_max_pool2d(x: Any, output_size: Any) -> Tensor:
    return _ops.adaptive_max_pool2d(x, output_size)


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero elements with probability p and scale the rest; draws from NumPy's global generator."""
    from ..core.layers import Dropout

    return Dropout(p).forward(x, training)


def embedding(indices: Any, weight: Any) -> Tensor:
    """Rows of `weight`; indices of any shape."""
    ids = np.asarray(indices.data if isinstance(indices, Tensor) else indices).astype(np.int64)
    return _ops.embedding(weight, ids)


def layer_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Over the last axis."""
    return _ops.layer_norm(x, weight, bias, eps)


def rms_norm(x: Any, weight: Any = None, eps: float = 1e-6) -> Tensor:
    """weight x / sqrt(mean(x^2) + eps) over the last axis (Zhang & Sennrich 2019)."""
    return _ops.rms_norm(x, weight, eps)


def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None
) -> Tensor:
    """The output alone. `mask` as in `tinytorch.core.attention`: 1 keeps, 0 blocks, or additive."""
    bias = None if mask is None else additive_bias(mask)
    return _ops.scaled_dot_product_attention(q, k, v, bias, causal, scale)


def mse_loss(input: Any, target: Any) -> Tensor:
    return MSELoss().forward(input, target)


def cross_entropy(input: Any, target: Any, label_smoothing: float = 0.0) -> Tensor:
    """Logits (..., C), targets (...) of class indices."""
    return CrossEntropyLoss(label_smoothing=label_smoothing).forward(input, target)


def binary_cross_entropy(input: Any, target: Any) -> Tensor:
    """Probabilities against targets in [0, 1]."""
    from ..core.losses import BinaryCrossEntropyLoss

    return BinaryCrossEntropyLoss().forward(input, target)


def binary_cross_entropy_with_logits(input: Any, target: Any) -> Tensor:
    """binary_cross_entropy(sigmoid(input), target), without overflow."""
    return _ops.binary_cross_entropy_with_logits(input, target)


def kl_div(log_q: Any, p: Any) -> Tensor:
    """mean of p (ln p - log_q)"""
    return _ops.kl_div(log_q, p)


__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "kl_div",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "relu",
    "rms_norm",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
