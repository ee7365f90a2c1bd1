"""What a resumed training needs besides the loop's own counters: model, optimizer, random numbers.

Each part is taken as plain values and arrays, and put back so that the next step is bit for bit the
one that would have followed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from .core import _sample_order as order


def model_state(model: Any) -> dict[str, np.ndarray]:
    """Copies of the parameters and buffers by name; by number for a model without `state_dict`."""
    if callable(getattr(model, "state_dict", None)):
        return dict(model.state_dict())
    return {f"param_{i}": np.array(p.data) for i, p in enumerate(model.parameters())}


def set_model_state(model: Any, state: Mapping[str, np.ndarray]) -> None:
    """ValueError, and no change, where names or shapes are not the model's."""
    if callable(getattr(model, "load_state_dict", None)):
        try:
            model.load_state_dict(state)
        except KeyError as error:
            raise ValueError(f"the checkpoint is of another model: {error.args[0]}") from None
        return
    parameters = {f"param_{i}": p for i, p in enumerate(model.parameters())}
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    saved = {name: array.shape for name, array in state.items()}
    if shapes != saved:
        raise ValueError(f"the checkpoint is of another model: it has {saved}, the model {shapes}")
    for name, parameter in parameters.items():
        parameter.data = np.array(state[name])


def optimizer_state(optimizer: Any) -> dict[str, Any]:
    """`state_dict()`; without one, every number and every list of arrays among the attributes."""
    if callable(getattr(optimizer, "state_dict", None)):
        return dict(optimizer.state_dict())
    return {
        name: value
        for name, value in vars(optimizer).items()
        if name != "params" and (isinstance(value, (int, float)) or _is_buffer_list(value))
    }


def set_optimizer_state(optimizer: Any, state: Mapping[str, Any]) -> None:
    if callable(getattr(optimizer, "load_state_dict", None)):
        optimizer.load_state_dict(state)
        return
    for name, value in state.items():
        setattr(optimizer, name, value)


def _is_buffer_list(value: Any) -> bool:
    return isinstance(value, list) and all(v is None or isinstance(v, np.ndarray) for v in value)


def random_state() -> dict[str, Any]:
    """The global generators of Python, NumPy and the engine."""
    numpy_state = np.random.get_state(legacy=False)
    words = numpy_state["state"]
    return {
        "python": order.capture(random),
        "engine": order.capture(_core.default_generator()),
        "numpy": {
            **numpy_state,
            "state": {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in words.items()
            },
        },
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    words = {
        name: np.array(value, np.uint32) if isinstance(value, list) else value
        for name, value in state["numpy"]["state"].items()
    }
    np.random.set_state({**state["numpy"], "state": words})
    order.restore(random, state["python"])
    order.restore(_core.default_generator(), state["engine"])
