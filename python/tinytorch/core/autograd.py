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
from ._autocast import autocast
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
from ._sample_order import capture, restore
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
    """Recomputes a part of the forward pass during backward, instead of storing it: with the random
    numbers and the number format of the first time."""

    def __init__(
        self, fn: Callable[..., Tensor], inputs: tuple[Any, ...], random: dict[str, Any]
    ) -> None:
        super().__init__(*inputs)
        self._fn = fn
        self._random = random
        self._rounded = _core.is_autocast_enabled()

    def apply(self, grad_output: np.ndarray) -> tuple[np.ndarray | None, ...]:
        replicas = []
        for value in self.saved_tensors:
            if isinstance(value, Tensor):
                replicas.append(Tensor(value.data, requires_grad=value.requires_grad))
            else:
                replicas.append(value)
        generator = _core.default_generator()
        now = capture(generator)
        restore(generator, self._random)
        try:
            with enable_grad(), autocast(enabled=self._rounded):
                result = self._fn(*replicas)
        finally:
            restore(generator, now)
        result.backward(grad_output, free_graph=True)
        return tuple(r.grad if isinstance(r, Tensor) else None for r in replicas)


def checkpoint(fn: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """``fn(*inputs)`` whose intermediate results are recomputed during backward, not kept.

    Trades one more forward pass for memory (Chen et al. 2016). ``fn`` must give the same result
    both times: of random numbers only the engine's (`ops.dropout`) are drawn again. Parameters that
    ``fn`` reaches by closure receive their gradients too.
    """
    random = capture(_core.default_generator())
    with no_grad():
        result = fn(*inputs)
    if _core.is_grad_enabled():
        out = Tensor(result.data, requires_grad=True)
        out._grad_fn = _CheckpointFunction(fn, inputs, random)
        return out
    return result
