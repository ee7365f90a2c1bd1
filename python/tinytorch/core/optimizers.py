"""SGD, Adam and AdamW. The arithmetic is the engine's; each step gives parameters new arrays.

An array that nothing but its parameter holds is changed in place instead: nobody can tell.

With gradient g, learning rate lr and weight decay wd::

    SGD    g += wd w;  v = momentum v + g;  w -= lr v        (Nesterov: w -= lr (g + momentum v))
    Adam   g += wd w;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
           w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)     (Kingma & Ba 2015)
    AdamW  Adam without weight decay in g, then w *= 1 - lr wd   (Loshchilov & Hutter 2019)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .. import _core
from .tensor import Tensor

_sgd_steps = _core.optim.sgd_steps
_adam_steps = _core.optim.adam_steps
_unshared = _core.optim.unshared

DEFAULT_LEARNING_RATE_SGD = 0.01
DEFAULT_LEARNING_RATE_ADAM = 0.001
DEFAULT_MOMENTUM = 0.9
DEFAULT_BETA1 = 0.9
DEFAULT_BETA2 = 0.999
DEFAULT_EPS = 1e-8
DEFAULT_WEIGHT_DECAY_ADAMW = 0.01


class Optimizer:
    """Base class: holds `params` (tensors that require gradients) and counts steps."""

    _settings: tuple[str, ...] = ()
    _buffers: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.params = params if isinstance(params, list) else list(params)
        for index, param in enumerate(self.params):
            if not isinstance(param, Tensor):
                raise TypeError(f"parameter {index} is a {type(param).__name__}, not a Tensor")
            if not param.requires_grad:
                raise ValueError(
                    f"parameter {index} of shape {param.shape} does not require gradients; "
                    "set requires_grad=True"
                )
        self.step_count = 0

    @property
    def parameters(self) -> list[Tensor]:
        return self.params

    def set_lr(self, lr: float) -> None:
        self.lr = lr

    def zero_grad(self) -> None:
        """Set every parameter's `grad` to None."""
        for param in self.params:
            param.grad = None

    def step(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define step()")

    def state_dict(self) -> dict[str, Any]:
        """Settings, `step_count` and copies of the moment arrays."""
        state: dict[str, Any] = {name: getattr(self, name) for name in self._settings}
        state["step_count"] = self.step_count
        for name in self._buffers:
            state[name] = [None if b is None else np.array(b) for b in getattr(self, name)]
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; ValueError where it doesn't fit the parameters."""
        new: dict[str, Any] = {name: self._checked(name, state[name]) for name in self._buffers}
        new |= {name: state[name] for name in self._settings}
        new["step_count"] = int(state["step_count"])
        _core.optim.set_attributes([(self, name, value) for name, value in new.items()])

    def _new_weights(self) -> list[tuple[int, Tensor, np.ndarray]]:
        """(index, parameter, array of its values to update) where there is a gradient.

        A parameter that is listed twice has one array, which is updated twice.
        """
        new: dict[int, np.ndarray] = {}
        rows = []
        for index, param in enumerate(self.params):
            if param.grad is not None:
                if id(param) not in new:
                    new[id(param)] = _own_weights(param)
                rows.append((index, param, new[id(param)]))
        return rows

    def _changes(self, new: list[tuple[int, Tensor, np.ndarray]]) -> list[tuple[Any, str, Any]]:
        """What a step assigns, for the engine to assign all at once."""
        changes: list[tuple[Any, str, Any]] = [(p, "data", weights) for _, p, weights in new]
        return [*changes, (self, "step_count", self.step_count + 1)]

    def _checked(self, name: str, saved: list[Any]) -> list[np.ndarray | None]:
        if len(saved) != len(self.params):
            raise ValueError(
                f"{name}: state of {len(saved)} parameters doesn't match {len(self.params)}"
            )
        return [
            None if array is None else _buffer(name, array, param)
            for array, param in zip(saved, self.params, strict=True)
        ]


class SGD(Optimizer):
    """Gradient descent, with optional momentum (Nesterov's too) and L2 weight decay."""

    _settings = ("lr", "momentum", "weight_decay", "nesterov")
    _buffers = ("momentum_buffers",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_SGD,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        *,
        nesterov: bool = False,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__(params)
        if nesterov and momentum == 0:
            raise ValueError("nesterov=True needs a momentum above 0, e.g. momentum=0.9")
        self.lr = lr if learning_rate is None else learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.nesterov = nesterov
        self.momentum_buffers: list[np.ndarray | None] = [None] * len(self.params)

    def has_momentum(self) -> bool:
        return self.momentum != 0

    def get_momentum_state(self) -> list[np.ndarray | None] | None:
        """Copies of the momentum arrays, or None without momentum."""
        if not self.has_momentum():
            return None
        return [None if b is None else np.array(b) for b in self.momentum_buffers]

    def set_momentum_state(self, state: list[Any] | None) -> None:
        """Restore `get_momentum_state`; without momentum, or for None, nothing happens."""
        if state is None or not self.has_momentum():
            return
        self.momentum_buffers = self._checked("momentum state", state)

    def step(self) -> None:
        """One update of all parameters that have a gradient; Ctrl-C never leaves half of it."""
        arrays = []
        new = self._new_weights()
        for index, param, weights in new:
            velocity = None
            if self.has_momentum():
                velocity = _moment(self.momentum_buffers, index, weights)
            arrays.append((weights, _gradient(param, weights), velocity))
        _sgd_steps(
            arrays, self._changes(new), self.lr, self.momentum, self.weight_decay, self.nesterov
        )


class Adam(Optimizer):
    """Adam; weight decay, if any, is added to the gradient."""

    _settings = ("lr", "beta1", "beta2", "eps", "weight_decay")
    _buffers = ("m_buffers", "v_buffers")
    _decoupled = False

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_ADAM,
        betas: tuple[float, float] = (DEFAULT_BETA1, DEFAULT_BETA2),
        eps: float = DEFAULT_EPS,
        weight_decay: float = 0.0,
        *,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__(params)
        self.lr = lr if learning_rate is None else learning_rate
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.weight_decay = weight_decay
        self.m_buffers: list[np.ndarray | None] = [None] * len(self.params)
        self.v_buffers: list[np.ndarray | None] = [None] * len(self.params)

    def step(self) -> None:
        """One update of all parameters that have a gradient; Ctrl-C never leaves half of it."""
        arrays = []
        new = self._new_weights()
        for index, param, weights in new:
            m = _moment(self.m_buffers, index, weights)
            v = _moment(self.v_buffers, index, weights)
            arrays.append((weights, _gradient(param, weights), m, v))
        _adam_steps(
            arrays,
            self._changes(new),
            self.lr,
            self.beta1,
            self.beta2,
            self.eps,
            self.weight_decay,
            self.step_count + 1,
            self._decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay."""

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_ADAM,
        betas: tuple[float, float] = (DEFAULT_BETA1, DEFAULT_BETA2),
        eps: float = DEFAULT_EPS,
        weight_decay: float = DEFAULT_WEIGHT_DECAY_ADAMW,
        *,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, learning_rate=learning_rate)


def _own_weights(param: Tensor) -> np.ndarray:
    """The parameter's array if nothing else holds it, else a copy."""
    if _unshared(param):
        return param.data
    return np.array(param.data, dtype=np.float32, order="C")


def _gradient(param: Tensor, weights: np.ndarray) -> np.ndarray:
    """The parameter's gradient in the shape of its weights; (1, n) stands for (n,)."""
    grad = param.grad.data if isinstance(param.grad, Tensor) else param.grad
    grad = np.asarray(grad, dtype=np.float32)
    if grad.shape != weights.shape:
        while grad.ndim > weights.ndim and grad.shape[0] == 1:
            grad = grad[0]
        grad = np.broadcast_to(grad, weights.shape)
    return np.ascontiguousarray(grad).reshape(weights.shape)


def _moment(buffers: list[np.ndarray | None], index: int, weights: np.ndarray) -> np.ndarray:
    if index >= len(buffers):  # `params` was replaced by a longer list
        buffers.extend([None] * (index + 1 - len(buffers)))
    buffer = buffers[index]
    if buffer is None:
        buffer = np.zeros_like(weights)
    elif buffer.dtype != np.float32 or not buffer.flags.carray:
        buffer = np.array(buffer, dtype=np.float32, order="C")
    buffers[index] = buffer
    return buffer


def _buffer(name: str, array: Any, param: Tensor) -> np.ndarray:
    buffer = np.array(array, dtype=np.float32, order="C")
    if buffer.shape != tuple(param.shape):
        raise ValueError(f"{name}: shape {buffer.shape} doesn't match parameter {param.shape}")
    return buffer
