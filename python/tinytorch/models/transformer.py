"""Older path of `tinytorch.core.transformer`."""

from ..core.transformer import (
    GPT,
    MLP,
    LayerNorm,
    TransformerBlock,
)

__all__ = [
    "GPT",
    "MLP",
    "LayerNorm",
    "TransformerBlock",
]
