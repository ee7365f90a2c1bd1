"""What layers with a weight and an optional bias have in common."""

from __future__ import annotations

from ._module import Layer
from .tensor import Tensor


class WeightedLayer(Layer):
    weight: Tensor
    bias: Tensor | None

    def parameters(self) -> list[Tensor]:
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    @property
    def weights(self) -> Tensor:
        """Older name of `weight`."""
        return self.weight

    @weights.setter
    def weights(self, value: Tensor) -> None:
        self.weight = value
