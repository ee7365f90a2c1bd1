"""Activation functions as stateless objects: Sigmoid, ReLU, Tanh, GELU, Softmax.

Each takes a Tensor of any shape and gives a new one of the same shape; gradients flow. A plain
ndarray gives an ndarray.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .tensor import Tensor

# Looked up once: an activation of a small tensor costs little more than its look-ups.
_gelu_sigmoid = _core.ops.gelu_sigmoid
_relu = _core.ops.relu
_sigmoid = _core.ops.sigmoid
_softmax = _core.ops.softmax
_tanh = _core.ops.tanh
_ndarray = np.ndarray

TOLERANCE = 1e-10


class _Activation:
    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def parameters(self) -> list[Tensor]:
        return []

    def backward(self, grad: Any) -> None:
        """Nothing to do: gradients are computed by `Tensor.backward`."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _on_array(function: Any, x: np.ndarray, *args: Any) -> np.ndarray:
    result: Tensor = function(Tensor(x), *args)
    return result.data


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), without overflow for any x."""

    def forward(self, x: Any) -> Any:
        return _on_array(_sigmoid, x) if isinstance(x, _ndarray) else _sigmoid(x)


class ReLU(_Activation):
    """max(0, x); the gradient at 0 is 0, NaN stays NaN."""

    def forward(self, x: Any) -> Any:
        return _on_array(_relu, x) if isinstance(x, _ndarray) else _relu(x)


class Tanh(_Activation):
    """Hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return _on_array(_tanh, x) if isinstance(x, _ndarray) else _tanh(x)


class GELU(_Activation):
    """x sigmoid(1.702 x), the sigmoid approximation of GELU (Hendrycks & Gimpel 2016)."""

    def forward(self, x: Any) -> Any:
        return _on_array(_gelu_sigmoid, x) if isinstance(x, _ndarray) else _gelu_sigmoid(x)


class Softmax(_Activation):
    """exp(x - max) / sum exp(x - max) along `dim`."""

    def forward(self, x: Any, dim: int = -1) -> Any:
        if isinstance(x, _ndarray):
            return _on_array(_softmax, x, dim)
        return _softmax(x, dim)

    def __call__(self, x: Any, dim: int = -1) -> Any:
        return self.forward(x, dim)
