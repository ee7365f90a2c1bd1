"""Losses: mean squared error, cross entropy of class indices, binary cross entropy.

Each gives a 0-d Tensor. Gradients reach the first argument only; targets are constants and may be
Tensors, arrays or lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .activations import ReLU
from .layers import Linear
from .tensor import Tensor

_ops = _core.ops

EPSILON = 1e-7


def log_softmax(x: Any, dim: int = -1) -> Tensor:
    """log(softmax(x)) along `dim`, computed without overflow."""
    return _ops.log_softmax(x, dim)


class _Loss:
    def forward(self, predictions: Any, targets: Any) -> Tensor:
        raise NotImplementedError

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        return self.forward(predictions, targets)

    def backward(self) -> None:
        """Nothing to do: gradients are computed by `Tensor.backward`."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MSELoss(_Loss):
    """mean((predictions - targets)^2) over all elements."""

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        return _ops.mse_loss(_as_tensor(predictions), _constant(targets))


class CrossEntropyLoss(_Loss):
    """mean over rows of -log_softmax(logits)[row, target]; logits (B, C), targets (B,) or (B, 1).

    Targets are class indices, truncated to int; outside [0, C): IndexError. Logits with more
    leading axes, (..., C), go with targets (...). `label_smoothing` s trains towards
    (1 - s) onehot + s / C (Szegedy et al. 2016).
    """

    label_smoothing = 0.0

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def forward(self, logits: Any, targets: Any) -> Tensor:
        logits = _as_tensor(logits)
        labels = np.asarray(targets.data if isinstance(targets, Tensor) else targets)
        rows = tuple(logits.shape[:-1])
        if labels.shape not in (rows, (*rows, 1)):
            raise ValueError(
                f"cross entropy of logits {logits.shape} needs {rows} class indices, "
                f"got targets of shape {labels.shape}"
            )
        labels = labels.reshape(rows).astype(np.int64)
        return _ops.cross_entropy(logits, labels, self.label_smoothing)

    def __call__(self, logits: Any, targets: Any) -> Tensor:
        return self.forward(logits, targets)


class BinaryCrossEntropyLoss(_Loss):
    """mean of -(t ln p + (1 - t) ln(1 - p)), p clipped to [EPSILON, 1 - EPSILON]."""

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        return _ops.binary_cross_entropy(_as_tensor(predictions), _constant(targets), EPSILON)


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor(value)


def _constant(targets: Any) -> Any:
    if not isinstance(targets, Tensor):
        return Tensor(targets)
    return Tensor(targets.data) if targets.requires_grad else targets


MeanSquaredError = MSELoss
BinaryCrossEntropy = BinaryCrossEntropyLoss

__all__ = [
    "EPSILON",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyLoss",
    "CrossEntropyLoss",
    "Linear",
    "MSELoss",
    "MeanSquaredError",
    "ReLU",
    "Tensor",
    "log_softmax",
]
