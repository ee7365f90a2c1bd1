"""Layer, the base class of every layer and model (PyTorch's nn.Module conventions).

A layer is an ordinary object: parts and parameters are found by looking at its attributes, so a
subclass needs no base constructor and an attribute may be replaced at any time.

- parameter: a `Tensor` attribute that requires gradients and is no result of an operation
- buffer: a name given to `register_buffer` (or listed in the class's `_buffer_names`); kept in the
  state dict, not trained
- child: an attribute, or a list or tuple element, with a method `parameters`
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import _core
from .tensor import Tensor

_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Layer:
    training: bool = True
    _buffer_names: tuple[str, ...] = ()

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward(x)")

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return self.forward(x, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # Parameters

    def parameters(self) -> list[Tensor]:
        """The trainable tensors, in the order of the attributes, each once."""
        found: dict[int, Tensor] = {}
        for value in vars(self).values():
            if _is_parameter(value):
                found[id(value)] = value
            for _, child in _parts("", value):
                for parameter in child.parameters():
                    found[id(parameter)] = parameter
        return list(found.values())

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """`parameters()` with dotted attribute paths, e.g. "blocks.0.ln1.gamma".

        A tensor that a subclass's own `parameters()` returns without holding it in an attribute is
        named "param_<index>".
        """
        names: dict[int, str] = {}
        for path, module in named_modules_of(self):
            for name, value in _attributes(module):
                if isinstance(value, Tensor):
                    names.setdefault(id(value), join(path, name))
        for index, parameter in enumerate(self.parameters()):
            yield join(prefix, names.get(id(parameter), f"param_{index}")), parameter

    def zero_grad(self) -> None:
        """Set every parameter's `grad` to None."""
        for parameter in self.parameters():
            parameter.grad = None

    # Buffers

    def register_buffer(self, name: str, value: Any) -> None:
        """Set attribute `name` and keep it in the state dict, without training it."""
        setattr(self, name, value)
        if name not in self._buffer_names:
            self._buffer_names = (*self._buffer_names, name)

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        for path, module in named_modules_of(self):
            for name in getattr(module, "_buffer_names", ()):
                value = getattr(module, name, None)
                if value is not None:
                    yield join(prefix, join(path, name)), value

    def buffers(self) -> list[Any]:
        return [value for _, value in self.named_buffers()]

    # Parts

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The direct parts: ("fc1", layer), ("blocks.0", layer), each once."""
        return _children_of(self)

    def children(self) -> list[Any]:
        return [child for _, child in _children_of(self)]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """This layer (path "") and all parts below it, each once."""
        for path, module in named_modules_of(self):
            yield join(prefix, path), module

    def modules(self) -> list[Any]:
        return [module for _, module in self.named_modules()]

    # Mode

    def train(self, mode: bool = True) -> Layer:
        """Set training mode here and in all parts (dropout active, batch statistics used)."""
        self.training = bool(mode)
        for _, child in _children_of(self):
            set_training(child, mode)
        return self

    def eval(self) -> Layer:
        set_training(self, False)
        return self

    # State

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name."""
        state = {name: np.array(p.data) for name, p in self.named_parameters()}
        for name, value in self.named_buffers():
            state[name] = np.array(value.data if isinstance(value, Tensor) else value)
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy arrays (or tensors) into the parameters and buffers of the same names.

        `strict`: a missing or unknown name is a KeyError. A wrong shape is always a ValueError;
        nothing is changed unless everything fits, and Ctrl-C never leaves half of it.
        """
        parameters = dict(self.named_parameters())
        buffers = dict(self.named_buffers())
        known = parameters | buffers
        if strict:
            _check_names(state, known, type(self).__name__)
        new = {
            name: _fitting(name, state[name], np.shape(_array_of(known[name])))
            for name in known
            if name in state
        }
        _core.optim.set_attributes(
            [
                (parameters[name], "data", value)
                if name in parameters
                else (*_place(self, name), value)
                for name, value in new.items()
            ]
        )


def set_training(module: Any, mode: bool) -> None:
    """Training mode of a layer or model, whatever it defines: a `train` of another signature (a
    training loop, or the mode without an argument) is a subclass's own and is not called."""
    own = getattr(type(module), "train", None)
    if isinstance(module, Layer) and (own is Layer.train or _takes_mode(own)):
        module.train(mode)
        return
    if isinstance(module, Layer):
        Layer.train(module, mode)
    module.training = bool(mode)


def _takes_mode(train: Any) -> bool:
    parameters = list(inspect.signature(train).parameters.values())[1:]
    required = [p for p in parameters if p.default is p.empty and p.kind not in _COLLECTING]
    return bool(parameters) and parameters[0].name == "mode" and len(required) <= 1


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def named_modules_of(root: Any) -> Iterator[tuple[str, Any]]:
    """`root` (path "") and the parts below it, depth first, each once."""
    seen: set[int] = set()
    stack = [("", root)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        children = [(join(path, name), child) for name, child in _children_of(module)]
        stack.extend(reversed(children))


def _attributes(module: Any) -> list[tuple[str, Any]]:
    return list(getattr(module, "__dict__", {}).items())


def _children_of(module: Any) -> Iterator[tuple[str, Any]]:
    seen: set[int] = {id(module)}
    for name, value in _attributes(module):
        for path, child in _parts(name, value):
            if id(child) not in seen:
                seen.add(id(child))
                yield path, child


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if _is_part(item):
                yield f"{name}.{index}", item
    elif _is_part(value):
        yield name, value


def _is_part(value: Any) -> bool:
    if isinstance(value, (Tensor, np.ndarray, type)):
        return False
    return callable(getattr(value, "parameters", None))


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad and value._grad_fn is None


def _array_of(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _check_names(state: Mapping[str, Any], known: Mapping[str, Any], owner: str) -> None:
    missing = [name for name in known if name not in state]
    unknown = [name for name in state if name not in known]
    if missing or unknown:
        raise KeyError(
            f"state does not fit {owner}: missing {missing or 'none'}, "
            f"unknown {unknown or 'none'}; "
            "use strict=False to load what fits"
        )


def _fitting(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(_array_of(value))
    if array.shape != shape:
        raise ValueError(f"{name}: the state has shape {array.shape}, the model {shape}")
    return array


def _place(root: Any, path: str) -> tuple[Any, str]:
    """The object and the attribute that hold the array of a buffer."""
    *parts, last = path.split(".")
    owner = root
    for part in parts:
        owner = owner[int(part)] if isinstance(owner, (list, tuple)) else getattr(owner, part)
    old = getattr(owner, last)
    return (old, "data") if isinstance(old, Tensor) else (owner, last)
