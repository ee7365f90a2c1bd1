"""Pruning: masks that zero weights, and shrinking, which removes neurons and channels for good.

Masks are made from a model, applied in place, and applied again after each optimizer step while
fine-tuning:

    masks = prune.magnitude_masks(model, 0.8)
    masks.apply()
    ... optimizer.step(); masks.apply() ...
    small = prune.to_sparse(model)

Han et al. 2015, "Learning both weights and connections for efficient neural networks"; Li et al.
2017, "Pruning filters for efficient convnets".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from .. import _core
from ..core._module import named_modules_of
from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ._shrink import shrink
from ._stored import StoredLayer, array_of, stored_bytes, weighted_layers
from .sparse import to_sparse

_sparse = _core.sparse


class Masks:
    """Weights and their bool masks, by path; True stays."""

    def __init__(self, masks: dict[str, tuple[Tensor, np.ndarray]]) -> None:
        self._masks = masks

    def apply(self) -> None:
        """Zero the masked weights in place, through `weight.data`."""
        for weight, mask in self._masks.values():
            weight.data[~mask] = 0.0

    def __getitem__(self, path: str) -> np.ndarray:
        return self._masks[path][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    @property
    def sparsity(self) -> float:
        """Fraction of the masked tensors' weights that is removed."""
        total = sum(mask.size for _, mask in self._masks.values())
        kept = sum(int(np.count_nonzero(mask)) for _, mask in self._masks.values())
        return 1.0 - kept / total if total else 0.0

    def __repr__(self) -> str:
        return f"Masks({len(self)} tensors, sparsity={self.sparsity:.3f})"


def magnitude_masks(
    model: Any, sparsity: float, *, scope: str = "global", skip: Collection[str] = ()
) -> Masks:
    """Masks that remove the smallest weights of the Linear and Conv2d layers; biases stay.

    scope "global" ranks all weights together, "layer" removes the same share of each. Exactly
    round(sparsity * count) weights go; equal magnitudes in order of position. skip: paths of layers
    to leave alone.
    """
    weights = _weights(model, skip)
    if scope == "global":
        masks = _sparse.magnitude_masks([array_of(w) for w in weights.values()], sparsity)
    elif scope == "layer":
        masks = [_sparse.magnitude_mask(array_of(w), sparsity) for w in weights.values()]
    else:
        raise ValueError(f'scope must be "global" or "layer", got {scope!r}')
    return Masks({path: (w, m) for (path, w), m in zip(weights.items(), masks, strict=True)})


def nm_masks(model: Any, n: int = 2, m: int = 4, *, skip: Collection[str] = ()) -> Masks:
    """Masks that keep the n largest of every m consecutive inputs of each output."""
    masks = {}
    for path, weight in _weights(model, skip).items():
        data = array_of(weight)
        if data.ndim == 2:  # Linear: (in, out)
            mask = _sparse.nm_mask(data, n, m, axis=0)
        else:
            mask = _sparse.nm_mask(data.reshape(data.shape[0], -1), n, m).reshape(data.shape)
        masks[path] = (weight, mask)
    return Masks(masks)


def block_masks(
    model: Any, sparsity: float, depth: int = 4, *, skip: Collection[str] = ()
) -> Masks:
    """Masks of the Linear layers that remove whole blocks of `depth` inputs by 16 outputs, as
    `LinearBsr` stores them: those with the smallest norms."""
    linear = {path for path, layer in weighted_layers(model) if isinstance(layer, Linear)}
    return Masks(
        {
            path: (weight, _sparse.block_mask(array_of(weight), sparsity, depth, 16))
            for path, weight in _weights(model, skip).items()
            if path in linear
        }
    )


def sparsity(model: Any) -> float:
    """Fraction of zeros among the weights of the Linear and Conv2d layers, in whatever form."""
    zeros = total = 0
    for _, layer in named_modules_of(model):
        if isinstance(layer, (Linear, Conv2d, StoredLayer)):
            weight = array_of(layer.weight)
            zeros += weight.size - int(np.count_nonzero(weight))
            total += weight.size
    return zeros / total if total else 0.0


def _weights(model: Any, skip: Collection[str]) -> dict[str, Tensor]:
    layers = dict(weighted_layers(model))
    unknown = sorted(set(skip) - set(layers))
    if unknown:
        raise ValueError(f"skip names no Linear or Conv2d: {unknown}; the model has {list(layers)}")
    weights: dict[str, Tensor] = {}
    for path, layer in layers.items():
        if path not in skip and all(layer.weight is not w for w in weights.values()):
            weights[path] = layer.weight
    if not weights:
        raise ValueError(f"{type(model).__name__} has no Linear or Conv2d weights to prune")
    return weights


__all__ = [
    "Masks",
    "block_masks",
    "magnitude_masks",
    "nm_masks",
    "shrink",
    "sparsity",
    "stored_bytes",
    "to_sparse",
]
