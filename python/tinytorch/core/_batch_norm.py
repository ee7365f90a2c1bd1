"""Batch normalisation (Ioffe & Szegedy 2015) over the batch and all positions, per channel.

    y = gamma (x - mean) / sqrt(var + eps) + beta

Training uses the statistics of the batch (biased variance) and moves the running ones by
`momentum`; eval uses the running ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ._module import Layer
from .tensor import Tensor


class _BatchNorm(Layer):
    _buffer_names = ("running_mean", "running_var")
    _ranks: tuple[int, ...] = ()
    _expected = ""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.gamma = Tensor(np.ones(num_features), requires_grad=True)
        self.beta = Tensor(np.zeros(num_features), requires_grad=True)
        self.running_mean = np.zeros(num_features, dtype=np.float32)
        self.running_var = np.ones(num_features, dtype=np.float32)
        self.training = True

    def forward(self, x: Any, relu: bool = False) -> Any:
        """With `relu`, max(0, y): one pass over the results instead of two."""
        if len(x.shape) not in self._ranks:
            raise ValueError(f"{self._expected}, got shape {x.shape}")
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__} expects {self.num_features} channels, got {x.shape[1]} "
                f"in shape {x.shape}"
            )
        mean = np.asarray(self.running_mean, dtype=np.float32)
        var = np.asarray(self.running_var, dtype=np.float32)
        if self.training:
            # The engine updates the arrays it is given; the attributes are rebound, so that an
            # array saved earlier keeps its values.
            mean, var = mean.copy(), var.copy()
        y = _core.ops.batch_norm(
            x, self.gamma, self.beta, mean, var, self.training, self.momentum, self.eps, relu
        )
        if self.training:
            self.running_mean, self.running_var = mean, var
        return y

    def parameters(self) -> list[Tensor]:
        return [self.gamma, self.beta]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_features}, eps={self.eps}, momentum={self.momentum})"
        )


class BatchNorm2d(_BatchNorm):
    """Over (N, C, H, W), one mean and variance per channel."""

    _ranks = (4,)
    _expected = "Expected 4D input (batch, channels, height, width)"


class BatchNorm1d(_BatchNorm):
    """Over (N, C) or (N, C, L), one mean and variance per feature."""

    _ranks = (2, 3)
    _expected = "Expected 2D or 3D input (batch, features[, length])"
