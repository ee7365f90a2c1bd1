"""Scaled dot-product attention and multi-head attention (Vaswani et al. 2017).

    weights = softmax(Q K^T / sqrt(D) + bias)        output = weights V

A mask says what may be seen: 1 (or true) keeps, 0 blocks; it broadcasts against the scores. A mask
of additive form (all values <= 0, some <= -1e4, -inf allowed) is recognised and added as it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ._attention_masks import (
    MASK_VALUE,
    additive_bias,
    create_bidirectional_mask,
    create_causal_mask,
    create_padding_mask,
)
from ._module import Layer
from .activations import Softmax
from .layers import Linear
from .tensor import Tensor

_ops = _core.ops


def scaled_dot_product_attention(Q: Any, K: Any, V: Any, mask: Any = None) -> tuple[Any, Any]:
    """(output, weights) of Q (..., S, D), K (..., T, D) and V (..., T, E).

    Tensors give Tensors with gradients, plain arrays give arrays. Shapes that don't fit together
    are a ValueError.
    """
    if all(isinstance(x, np.ndarray) for x in (Q, K, V)):
        output, weights = scaled_dot_product_attention(Tensor(Q), Tensor(K), Tensor(V), mask)
        return output.data, weights.data
    _check_shapes(Q, K, V)
    scores = Q.matmul(K.transpose(-2, -1)) * (1.0 / math.sqrt(Q.shape[-1]))
    if mask is not None:
        scores = scores + additive_bias(mask)
    weights = _ops.softmax(scores, -1)
    return weights.matmul(V), weights


def _check_shapes(q: Any, k: Any, v: Any) -> None:
    shapes = f"Q {tuple(q.shape)}, K {tuple(k.shape)}, V {tuple(v.shape)}"
    if min(len(q.shape), len(k.shape), len(v.shape)) < 2:
        raise ValueError(f"attention needs at least two axes (length, width), got {shapes}")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"Q and K must have the same width, got {shapes}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"K and V must have the same length, got {shapes}")


class MultiHeadAttention(Layer):
    """Attention in `num_heads` subspaces of width embed_dim / num_heads; (B, S, D) to (B, S, D).

    The mask may be (S, S), (1, S, S), (B, S, S) or (B, H, S, S).
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        if num_heads < 1 or embed_dim % num_heads != 0:
            raise ValueError(
                f"embed_dim ({embed_dim}) must be divisible by num_heads ({num_heads})"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.q_proj = Linear(embed_dim, embed_dim)
        self.k_proj = Linear(embed_dim, embed_dim)
        self.v_proj = Linear(embed_dim, embed_dim)
        self.out_proj = Linear(embed_dim, embed_dim)

    def forward(self, x: Any, mask: Any = None) -> Tensor:
        if len(x.shape) != 3 or x.shape[2] != self.embed_dim:
            raise ValueError(
                f"Input dimension mismatch: expected (batch, sequence, {self.embed_dim}), "
                f"got {tuple(x.shape)}"
            )
        q = self.split_heads(self.q_proj.forward(x))
        k = self.split_heads(self.k_proj.forward(x))
        v = self.split_heads(self.v_proj.forward(x))
        return self.out_proj.forward(self.merge_heads(self.attend(q, k, v, mask)))

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, S, D) to (B, H, S, D / H)."""
        batch, length, _ = x.shape
        return x.reshape(batch, length, self.num_heads, self.head_dim).transpose(1, 2)

    def merge_heads(self, x: Tensor) -> Tensor:
        """(B, H, S, D / H) to (B, S, D)."""
        batch, _, length, _ = x.shape
        return x.transpose(1, 2).reshape(batch, length, self.embed_dim)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Any = None) -> Tensor:
        """Attention of heads (B, H, S, D / H); a 3-D mask gets a head axis."""
        bias = None
        if mask is not None:
            bias = additive_bias(mask)
            bias = bias[:, None] if bias.ndim == 3 else bias
        return _ops.scaled_dot_product_attention(q, k, v, bias)

    def __call__(self, x: Any, mask: Any = None) -> Tensor:
        return self.forward(x, mask)

    def parameters(self) -> list[Tensor]:
        parts = (self.q_proj, self.k_proj, self.v_proj, self.out_proj)
        return [parameter for part in parts for parameter in part.parameters()]

    @property
    def query_proj(self) -> Any:
        return self.q_proj

    @property
    def key_proj(self) -> Any:
        return self.k_proj

    @property
    def value_proj(self) -> Any:
        return self.v_proj


class SelfAttention(Layer):
    """Attention of x to itself without parameters; gives (output, weights)."""

    def __init__(self, d_model: int | None = None, embed_dim: int | None = None) -> None:
        width = embed_dim if d_model is None else d_model
        if width is None:
            raise TypeError("SelfAttention needs d_model (or embed_dim)")
        self.d_model = width
        self.embed_dim = width

    def forward(self, x: Any, mask: Any = None) -> tuple[Any, Any]:
        if x.shape[-1] != self.d_model:
            raise ValueError(
                f"Input dimension mismatch: expected width {self.d_model}, got {x.shape}"
            )
        return scaled_dot_product_attention(x, x, x, mask)

    def __call__(self, x: Any, mask: Any = None) -> tuple[Any, Any]:
        return self.forward(x, mask)


__all__ = [
    "MASK_VALUE",
    "Linear",
    "MultiHeadAttention",
    "SelfAttention",
    "Softmax",
    "Tensor",
    "create_bidirectional_mask",
    "create_causal_mask",
    "create_padding_mask",
    "scaled_dot_product_attention",
]
