"""Multi-layer perceptrons under an older path."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ._containers import Sequential
from ._module import Layer
from .activations import ReLU
from .layers import Linear
from .tensor import Tensor


class MLP(Layer):
    """Linear layers with an activation between them.

    `MLP(4, [8, 6], 3)` or, with all sizes in one list, `MLP([4, 8, 6, 3])`. `activation` makes the
    hidden activations, `output_activation` (none by default) the last one.
    """

    def __init__(
        self,
        input_size: int | Sequence[int],
        hidden_sizes: int | Sequence[int] | None = None,
        output_size: int | None = None,
        activation: Any = ReLU,
        output_activation: Any = None,
    ) -> None:
        sizes = _sizes(input_size, hidden_sizes, output_size)
        self.layers: list[Any] = []
        for before, after in pairwise(sizes):
            if self.layers:
                self.layers.append(activation())
            self.layers.append(Linear(before, after))
        if output_activation is not None:
            self.layers.append(output_activation())

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.forward(x)
        return x


def _sizes(first: Any, hidden: Any, last: Any) -> list[int]:
    sizes = list(first) if isinstance(first, (list, tuple)) else [first]
    if hidden is not None:
        sizes += [hidden] if isinstance(hidden, int) else list(hidden)
    if last is not None:
        sizes.append(last)
    if len(sizes) < 2:
        raise ValueError(f"an MLP needs at least an input and an output size, got {sizes}")
    return sizes


LinearNetwork = MLP


def create_mlp(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    activation: Any = ReLU,
    output_activation: Any = None,
) -> MLP:
    return MLP(input_size, hidden_sizes, output_size, activation, output_activation)


__all__ = ["MLP", "LinearNetwork", "Sequential", "create_mlp"]
