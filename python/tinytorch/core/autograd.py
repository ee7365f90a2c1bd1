"""Automatic differentiation: the node protocol, gradient mode, functions defined in Python.

The graph and its rules live in the engine. A node appears in Python as an instance of the class
named after it (``MulBackward``...); nodes written in Python (subclasses of ``Function``, or any
object with ``saved_tensors`` and ``apply``) mix freely with the engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from ._function import EngineFunction, Function, register_node_class
from ._grad_mode import enable_grad, no_grad
from ._nodes import (
    EPSILON,
    AddBackward,
    BCEBackward,
    CrossEntropyBackward,
    DivBackward,
    EmbeddingBackward,
    GELUBackward,
    MatmulBackward,
    MSEBackward,
    MulBackward,
    PermuteBackward,
    ReLUBackward,
    ReshapeBackward,
    SigmoidBackward,
    SliceBackward,
    SoftmaxBackward,
    SubBackward,
    SumBackward,
    TransposeBackward,
)
from .tensor import Tensor

__all__ = [
    "EPSILON",
    "AddBackward",
    "BCEBackward",
    "CrossEntropyBackward",
    "DivBackward",
    "EmbeddingBackward",
    "EngineFunction",
    "Function",
    "GELUBackward",
    "MSEBackward",
    "MatmulBackward",
    "MulBackward",
    "PermuteBackward",
    "ReLUBackward",
    "ReshapeBackward",
    "SigmoidBackward",
    "SliceBackward",
    "SoftmaxBackward",
    "SubBackward",
    "SumBackward",
    "Tensor",
    "TransposeBackward",
    "Variable",
    "backward",
    "checkpoint",
    "enable_autograd",
    "enable_grad",
    "no_grad",
    "register_node_class",
]

Variable = Tensor


def enable_autograd(quiet: bool = False) -> None:
    """Autograd is on from import; this does nothing and prints nothing."""


def backward(tensor: Tensor, gradient: Any = None) -> None:
    """``tensor.backward(gradient)``."""
    tensor.backward(gradient)


class _CheckpointFunction(Function):
    """Recomputes a part of the forward pass during backward, instead of storing it."""

    def __init__(self, fn: Callable[..., Tensor], inputs: tuple[Any, ...]) -> None:
        super().__init__(*inputs)
        self._fn = fn

    def apply(self, grad_output: np.ndarray) -> tuple[np.ndarray | None, ...]:
        replicas = []
        for value in self.saved_tensors:
            if isinstance(value, Tensor):
                replicas.append(Tensor(value.data, requires_grad=value.requires_grad))
            else:
                replicas.append(value)
        with enable_grad():
            result = self._fn(*replicas)
        result.backward(grad_output, free_graph=True)
        return tuple(r.grad if isinstance(r, Tensor) else None for r in replicas)


def checkpoint(fn: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """``fn(*inputs)`` whose intermediate results are recomputed during backward, not kept.

    Trades one more forward pass for memory (Chen et al. 2016). ``fn`` must give the same result
    both times: no random numbers, unless drawn from a generator that it resets. Parameters that
    ``fn`` reaches by closure receive their gradients too.
    """
    with no_grad():
        result = fn(*inputs)
    if _core.is_grad_enabled():
        out = Tensor(result.data, requires_grad=True)
        out._grad_fn = _CheckpointFunction(fn, inputs)
        return out
    return result
