"""The loss of images that are two (`Augment.mix`): a label counts by its share of the pixels."""

from __future__ import annotations

import numpy as np

from .. import _core
from ..core.losses import CrossEntropyLoss
from ..core.tensor import Tensor

_ops = _core.ops


class MixedLoss:
    """share CE(class) + (1 - share) CE(other class), for targets (N, 3); or CE for labels (N,)."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self._loss = CrossEntropyLoss(label_smoothing=label_smoothing)

    def forward(self, outputs: Tensor, targets: np.ndarray) -> Tensor:
        if targets.ndim == 1:
            return self._loss.forward(outputs, targets.astype(np.int64))
        share = float(targets[0, 2])  # of all rows of a batch
        first = self._loss.forward(outputs, targets[:, 0].astype(np.int64))
        if share == 1.0:
            return first
        second = self._loss.forward(outputs, targets[:, 1].astype(np.int64))
        return _ops.add(_ops.mul(first, Tensor(share)), _ops.mul(second, Tensor(1.0 - share)))
