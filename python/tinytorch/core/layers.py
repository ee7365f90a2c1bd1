"""Linear and Dropout, the `Layer` base class, and the names older course code expects here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ._containers import Flatten, Sequential
from ._legacy_spatial import Conv2D
from ._module import Layer
from ._weighted import WeightedLayer
from .activations import ReLU, Sigmoid
from .tensor import Tensor

_linear = _core.ops.linear

XAVIER_SCALE_FACTOR = 1.0
HE_SCALE_FACTOR = 2.0
DROPOUT_MIN_PROB = 0.0
DROPOUT_MAX_PROB = 1.0


class Linear(WeightedLayer):
    """y = x W + b with W of shape (in_features, out_features).

    x may be (in,), (batch, in) or have more leading axes. W starts from the LeCun normal
    distribution (variance 1 / in_features), b from zeros.
    """

    def __init__(
        self,
        in_features: int | None = None,
        out_features: int | None = None,
        bias: bool = True,
        *,
        input_size: int | None = None,
        output_size: int | None = None,
    ) -> None:
        in_features = input_size if in_features is None else in_features
        out_features = output_size if out_features is None else out_features
        if in_features is None or out_features is None:
            raise TypeError("Linear needs in_features and out_features")
        self.in_features = in_features
        self.out_features = out_features
        scale = math.sqrt(XAVIER_SCALE_FACTOR / in_features) if in_features else 0.0
        weight = np.random.randn(in_features, out_features) * scale
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Tensor:
        return _linear(x, self.weight, self.bias)

    def __call__(self, x: Any) -> Tensor:
        return self.forward(x)

    def __repr__(self) -> str:
        return (
            f"Linear(in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None})"
        )


class Dropout(Layer):
    """Zero each element with probability p and scale the rest by 1 / (1 - p), while training.

    Inactive with `training=False` and after `eval()`. The mask is drawn from NumPy's global
    generator (Srivastava et al. 2014, inverted form).
    """

    def __init__(self, p: float = 0.5) -> None:
        if not DROPOUT_MIN_PROB <= p <= DROPOUT_MAX_PROB:
            raise ValueError(f"Dropout probability must be between 0 and 1, got {p}")
        self.p = p

    def forward(self, x: Tensor, training: bool = True) -> Tensor:
        if not (training and self.training) or self.p == DROPOUT_MIN_PROB:
            return x
        if self.p == DROPOUT_MAX_PROB:
            return Tensor(np.zeros(x.shape), requires_grad=x.requires_grad)
        keep = 1.0 - self.p
        mask = np.random.random(x.shape) < keep
        return x * Tensor(mask) / Tensor(keep)

    def __call__(self, x: Any, training: bool = True) -> Tensor:
        return self.forward(x, training)

    def parameters(self) -> list[Tensor]:
        return []

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"


Dense = Linear
Module = Layer

__all__ = [
    "DROPOUT_MAX_PROB",
    "DROPOUT_MIN_PROB",
    "HE_SCALE_FACTOR",
    "XAVIER_SCALE_FACTOR",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tensor",
]
