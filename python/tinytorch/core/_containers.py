"""Sequential and Flatten."""

from __future__ import annotations

import math
from typing import Any

from .. import _core
from ._module import Layer
from .tensor import Tensor


class Sequential(Layer):
    """Call each layer in turn. Takes layers one by one, or one list or tuple of them."""

    def __init__(self, *layers: Any) -> None:
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x) if callable(layer) else layer.forward(x)
        return x

    def parameters(self) -> list[Tensor]:
        found: dict[int, Tensor] = {}
        for layer in self.layers:
            if hasattr(layer, "parameters"):
                for parameter in layer.parameters():
                    found[id(parameter)] = parameter
        return list(found.values())

    def add(self, layer: Any) -> None:
        self.layers.append(layer)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]


class Flatten(Layer):
    """Merge the axes from `start_dim` on: (N, C, H, W) becomes (N, C H W)."""

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Any) -> Any:
        return flatten(x, self.start_dim)


def flatten(x: Any, start_dim: int = 1) -> Any:
    """`x` with the axes from `start_dim` (negative counts from the end) merged into one."""
    shape = tuple(x.shape)
    if not shape:
        return _core.ops.reshape(x, (1,))
    start = start_dim + len(shape) if start_dim < 0 else start_dim
    if not 0 <= start < len(shape):
        raise ValueError(f"start_dim {start_dim} is out of range for shape {shape}")
    return _core.ops.reshape(x, (*shape[:start], math.prod(shape[start:])))
