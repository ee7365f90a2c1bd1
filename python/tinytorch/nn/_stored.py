"""Inference layers over immutable native layers (int8, sparse), and what a model stores.

A stored layer is not trained: `parameters()` is empty, and its arrays are buffers, so they appear
in `state_dict()` and can be loaded into a layer of the same kind and sizes.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any

import numpy as np

from ..core._module import Layer, named_modules_of
from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor

BYTES_PER_FLOAT32 = 4


class StoredLayer(Layer):
    """A native layer `_native`, its arrays by the names of `_buffer_names`."""

    _native_class: Any = None
    _buffer_names: tuple[str, ...] = ()
    _marks: frozenset[str] = frozenset()  # arrays that tell a state of this kind

    def __init__(self, native: Any) -> None:
        self._native = native

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> StoredLayer:
        """The layer with the arrays of `state()`. ValueError or TypeError where they do not fit."""
        layer = cls.__new__(cls)
        StoredLayer.__init__(layer, cls._native_class.from_state(dict(state)))
        return layer

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the layer's arrays, enough to rebuild it."""
        self._settle()
        return dict(self._native.state())

    def forward(self, x: Any) -> Any:
        if "_pending" in self.__dict__:
            self._settle()
        return self._native.forward(x)

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def parameters(self) -> list[Tensor]:
        return []

    def count_parameters(self) -> int:
        """Weights that are computed with, and biases."""
        raise NotImplementedError

    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""
        self._settle()
        return int(self._native.stored_bytes())

    def _bias_size(self) -> int:
        bias = self._native.bias
        return 0 if bias is None else int(bias.size)

    # An array set by name (load_state_dict) waits until the layer is used: only all new arrays
    # together need to make sense.
    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self)._buffer_names:
            object.__setattr__(self, name, value)
            return
        pending = self.__dict__.setdefault("_pending", {})
        pending[name] = None if value is None else np.array(value)

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._buffer_names:
            if name in self.__dict__.get("_pending", {}):
                return self.__dict__["_pending"][name]
            return self._native.state().get(name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _settle(self) -> None:
        pending = self.__dict__.get("_pending")
        if pending:
            state = {**self._native.state(), **pending}
            kept = {name: value for name, value in state.items() if value is not None}
            native = type(self)._native_class.from_state(kept)
            object.__setattr__(self, "_native", native)
        self.__dict__.pop("_pending", None)


class StoredLinear(StoredLayer):
    @property
    def in_features(self) -> int:
        return int(self._native.in_features)

    @property
    def out_features(self) -> int:
        return int(self._native.out_features)


class StoredConv2d(StoredLayer):
    """Its `geometry`: stride, padding, dilation (height, width each) and groups."""

    @property
    def stride(self) -> tuple[int, int]:
        return int(self.geometry[0]), int(self.geometry[1])

    @property
    def padding(self) -> tuple[int, int]:
        return int(self.geometry[2]), int(self.geometry[3])


def array_of(value: Any) -> Any:
    """The ndarray of a Tensor; an ndarray or None as it is."""
    return value.data if isinstance(value, Tensor) else value


def stored_bytes(model: Any) -> int:
    """Bytes of a model's weights as they are stored.

    Layers with `stored_bytes()` (int8, sparse) say their own; every other parameter takes 4 bytes
    per element. A tensor used twice counts once.
    """
    stored, rest = _stored_parts(model)
    total = sum(operator.index(part.stored_bytes()) for part in stored)
    return int(total + BYTES_PER_FLOAT32 * sum(int(p.size) for p in rest))


def count_parameters(model: Any) -> int:
    """Weights and biases that a model computes with: those of int8 layers, the kept ones of sparse
    layers, and all other parameters."""
    stored, rest = _stored_parts(model)
    return sum(int(part.count_parameters()) for part in stored) + sum(int(p.size) for p in rest)


def _stored_parts(model: Any) -> tuple[list[Any], list[Tensor]]:
    parts = [m for _, m in named_modules_of(model) if callable(getattr(m, "stored_bytes", None))]
    covered = {id(p) for part in parts for p in part.parameters()}
    return parts, [p for p in model.parameters() if id(p) not in covered]


def replace_layers(model: Any, replacement: Callable[[str, Any], Any]) -> Any:
    """A deep copy of `model` in which replacement(path, layer) stands where it is not None.

    Layers are looked for in attributes and in lists, tuples and dicts that are attributes; a layer
    used in several places is replaced by one object. `model` may be a layer itself.
    """
    new = deep_copy(model)
    whole = replacement("", new)
    if whole is not None:
        return whole
    swaps = {}
    for path, layer in list(named_modules_of(new)):
        swap = replacement(path, layer) if layer is not new else None
        if swap is not None:
            swaps[id(layer)] = swap
    for _, owner in list(named_modules_of(new)):
        for name, value in list(getattr(owner, "__dict__", {}).items()):
            swapped = _swapped(value, swaps)
            if swapped is not value:
                setattr(owner, name, swapped)
    if swaps:
        # A model's own count looks at its trainable parameters only.
        new.count_parameters = MethodType(count_parameters, new)
    return new


def deep_copy(model: Any) -> Any:
    try:
        return copy.deepcopy(model)
    except TypeError as error:
        raise TypeError(
            f"{type(model).__name__} cannot be copied ({error}); models made of Python layers can"
        ) from None


def _swapped(value: Any, swaps: dict[int, Any]) -> Any:
    if id(value) in swaps:
        return swaps[id(value)]
    if isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _swapped(item, swaps)
    elif type(value) is tuple:
        items = tuple(_swapped(item, swaps) for item in value)
        if any(a is not b for a, b in zip(items, value, strict=True)):
            return items
    elif isinstance(value, dict):
        for key, item in value.items():
            value[key] = _swapped(item, swaps)
    return value


def weighted_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """(path, layer) of every Linear and Conv2d in a model, each once."""
    for path, layer in named_modules_of(model):
        if isinstance(layer, (Linear, Conv2d)):
            yield path, layer


@contextmanager
def patched_forward(forwards: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    """Give layers another `forward` for the length of a with block."""
    before = [(layer, layer.__dict__.get("forward")) for layer, _ in forwards]
    try:
        for layer, forward in forwards:
            layer.forward = forward
        yield
    finally:
        for layer, own in before:
            if own is None:
                layer.__dict__.pop("forward", None)
            else:
                layer.forward = own


def plain(layer: Any, kind: type[Layer]) -> bool:
    """A layer that computes as `kind` does: no subclass or instance has another `forward`."""
    return (
        isinstance(layer, kind)
        and type(layer).forward is kind.forward
        and "forward" not in layer.__dict__
    )
