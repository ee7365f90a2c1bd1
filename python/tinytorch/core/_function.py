"""Nodes of the gradient graph as Python sees them: the base class, and the engine's nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ._grad_mode import enable_grad
from .tensor import Tensor


class Function:
    """A node of the gradient graph.

    Attributes:
        saved_tensors: the constructor's arguments.
        next_functions: the ``_grad_fn`` of those that are tensors requiring grad and have one.
    """

    def __init__(self, *tensors: Any) -> None:
        self.saved_tensors = tensors
        self.next_functions = [
            t._grad_fn
            for t in tensors
            if isinstance(t, Tensor) and t.requires_grad and t._grad_fn is not None
        ]

    def apply(self, grad_output: np.ndarray) -> tuple[np.ndarray | None, ...]:
        """Gradients of ``saved_tensors`` from the gradient of the result, one entry each."""
        raise NotImplementedError(f"{type(self).__name__} must implement apply(grad_output)")


class EngineFunction(Function):
    """A node whose rule is the engine's.

    Made by the engine for its results; or built from operands, which runs the operation once to
    obtain its node.
    """

    _node: Any = None
    _operands: tuple[Any, ...] | None = None
    _arity: int | None = None  # entries that apply returns; None: one per input

    def __init__(self, *operands: Any) -> None:
        self._operands = operands
        with enable_grad():
            result = self._operation(*operands)
        self._node = result._grad_fn._node if result._grad_fn is not None else None

    def _operation(self, *operands: Any) -> Tensor:
        raise TypeError(f"{type(self).__name__} is made by the engine and cannot be constructed")

    @classmethod
    def _of(cls, node: Any) -> EngineFunction:
        self = cls.__new__(cls)
        self._node = node
        return self

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The operands. Of a node that the engine made, those that require grad, None for others;
        a tensor that exists no longer is shown with NaN values, its gradient and its node."""
        if self._operands is None:
            return () if self._node is None else tuple(self._node.inputs)
        return self._operands

    @saved_tensors.setter
    def saved_tensors(self, operands: tuple[Any, ...]) -> None:
        self._operands = operands

    @property
    def next_functions(self) -> list[Any]:  # type: ignore[override]
        """The ``_grad_fn`` of the inputs that have one, looked up when asked: graphs are deep."""
        if self._node is None:
            return []
        return [fn for fn in self._node.next_nodes if fn is not None]

    def apply(self, grad_output: Any) -> tuple[np.ndarray | None, ...]:
        if self._node is None:  # no operand requires grad
            return (None,) * (self._arity or max(len(self.saved_tensors), 1))
        entries: tuple[np.ndarray | None, ...] = self._node.apply(grad_output)
        return entries if self._arity is None else entries[: self._arity]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


_classes: dict[str, type[EngineFunction]] = {}


def register_node_class(cls: type[EngineFunction]) -> type[EngineFunction]:
    """Show the engine's nodes of the name of ``cls`` as instances of it."""
    _classes[cls.__name__] = cls
    return cls


def _class_named(name: str) -> type[EngineFunction]:
    """The public class of an engine node; one is made for nodes that have no public class."""
    if name not in _classes:
        _classes[name] = type(name, (EngineFunction,), {"__module__": __name__})
    return _classes[name]


_core.set_node_factory(lambda node: _class_named(node.name)._of(node))
