"""Automatic differentiation: the node protocol, gradient mode, functions defined in Python.

The graph and its rules live in the engine. A node appears in Python as an instance of the class
named after it (``MulBackward``...); nodes written in Python (subclasses of ``Function``, or any
object with ``saved_tensors`` and ``apply``) mix freely with the engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch import _core
from tinytorch.core.tensor import Tensor

_F = _core.ops

EPSILON = 1e-7

Variable = Tensor


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


class _EngineFunction(Function):
    """A node whose rule is the engine's.

    Made by the engine for its results; or built from operands, which runs the operation once to
    obtain its node.
    """

    _node: Any = None
    _arity: int | None = None  # entries that apply returns; None: one per input

    def __init__(self, *operands: Any) -> None:
        super().__init__(*operands)
        with enable_grad():
            result = self._operation(*operands)
        self._node = result._grad_fn._node if result._grad_fn is not None else None

    def _operation(self, *operands: Any) -> Tensor:
        raise TypeError(f"{type(self).__name__} is made by the engine and cannot be constructed")

    @classmethod
    def _of(cls, node: Any) -> _EngineFunction:
        self = cls.__new__(cls)
        self._node = node
        self.saved_tensors = ()
        self.next_functions = [fn for fn in node.next_nodes if fn is not None]
        return self

    def apply(self, grad_output: Any) -> tuple[np.ndarray | None, ...]:
        arity = self._arity or max(len(self.saved_tensors), 1)
        if self._node is None:  # no operand requires grad
            return (None,) * arity
        entries = self._node.apply(grad_output)
        return entries if self._arity is None else entries[: self._arity]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class AddBackward(_EngineFunction):
    """d(a + b): (g, g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.add(a, b)


class SubBackward(_EngineFunction):
    """d(a - b): (g, -g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.sub(a, b)


class MulBackward(_EngineFunction):
    """d(a * b): (g b, g a)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.mul(a, b)


class DivBackward(_EngineFunction):
    """d(a / b): (g / b, -g a / b^2)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.div(a, b)


class MatmulBackward(_EngineFunction):
    """d(a @ b): (g b^T, a^T g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.matmul(a, b)


class TransposeBackward(_EngineFunction):
    """Exchanges the same two dimensions again."""

    _arity = 1

    def __init__(self, tensor: Any, dim0: int | None, dim1: int | None) -> None:
        self.dim0, self.dim1 = dim0, dim1
        super().__init__(tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return tensor.transpose(self.dim0, self.dim1)


class PermuteBackward(_EngineFunction):
    """Orders the dimensions back."""

    _arity = 1

    def __init__(self, tensor: Any, axes: tuple[int, ...]) -> None:
        self.axes = axes
        self.inverse_axes = tuple(int(i) for i in np.argsort(axes))
        super().__init__(tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.permute(tensor, self.axes)


class ReshapeBackward(_EngineFunction):
    """Reshapes the gradient back to ``original_shape``."""

    _arity = 1

    def __init__(self, tensor: Any, original_shape: tuple[int, ...]) -> None:
        self.original_shape = tuple(original_shape)
        super().__init__(tensor)

    def apply(self, grad_output: Any) -> tuple[np.ndarray | None, ...]:
        if self._node is None:
            return (None,)
        return (np.asarray(grad_output, dtype=np.float32).reshape(self.original_shape),)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.reshape(tensor, tensor.shape)


class SliceBackward(_EngineFunction):
    """Adds the gradient at the indexed places of zeros."""

    _arity = 1

    def __init__(self, tensor: Any, key: Any) -> None:
        self.key, self.original_shape = key, tensor.shape
        super().__init__(tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.index(tensor, self.key)


class SumBackward(_EngineFunction):
    """Spreads the gradient over what was summed."""

    _arity = 1

    def _operation(self, tensor: Any) -> Tensor:
        return _F.sum(tensor)


class ReLUBackward(_EngineFunction):
    """g where the input is positive."""

    _arity = 1

    def __init__(self, input_tensor: Any) -> None:
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.relu(tensor)


class GELUBackward(_EngineFunction):
    """The derivative of x sigmoid(1.702 x)."""

    _arity = 1

    def __init__(self, input_tensor: Any) -> None:
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.gelu_sigmoid(tensor)


class SigmoidBackward(_EngineFunction):
    """g y (1 - y)."""

    _arity = 1

    def __init__(self, input_tensor: Any, output_tensor: Any) -> None:
        self.output_data = output_tensor.data
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.sigmoid(tensor)


class SoftmaxBackward(_EngineFunction):
    """y (g - sum(g y)) along ``dim``."""

    _arity = 1

    def __init__(self, input_tensor: Any, output_tensor: Any, dim: int = -1) -> None:
        self.output_data, self.dim = output_tensor.data, dim
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.softmax(tensor, self.dim)


class EmbeddingBackward(_EngineFunction):
    """Adds each row of the gradient at its index; repeated indices accumulate."""

    _arity = 1

    def __init__(self, weight: Any, indices: Any) -> None:
        self.indices = indices
        super().__init__(weight)

    def _operation(self, weight: Any) -> Tensor:
        return _F.embedding(weight, self.indices)


class _LossBackward(_EngineFunction):
    _arity = 1

    def __init__(self, predictions: Any, targets: Any) -> None:
        self._targets = targets if isinstance(targets, Tensor) else Tensor(targets)
        self.targets_data = self._targets.data
        self.num_samples = int(np.size(self.targets_data))
        super().__init__(predictions)


class MSEBackward(_LossBackward):
    """2 (p - t) / N g."""

    def _operation(self, predictions: Any) -> Tensor:
        return _F.mse_loss(predictions, self._targets)


class BCEBackward(_LossBackward):
    """(p - t) / (p (1 - p) N) g, p limited to [EPSILON, 1 - EPSILON]."""

    def _operation(self, predictions: Any) -> Tensor:
        return _F.binary_cross_entropy(predictions, self._targets, EPSILON)


class CrossEntropyBackward(_EngineFunction):
    """(softmax - onehot) / B g."""

    _arity = 1

    def __init__(self, logits: Any, targets: Any) -> None:
        self._targets = targets if isinstance(targets, Tensor) else Tensor(targets)
        self.targets_data = self._targets.data.astype(int)
        self.batch_size, self.num_classes = logits.shape[0], logits.shape[-1]
        super().__init__(logits)

    def _operation(self, logits: Any) -> Tensor:
        return _F.cross_entropy(logits, self._targets)


_node_classes: dict[str, type[_EngineFunction]] = {}


def _node_class(name: str) -> type[_EngineFunction]:
    """The public class of an engine node; one is made for nodes that have no public class."""
    found = _node_classes.get(name)
    if found is None:
        public = globals().get(name)
        is_node = isinstance(public, type) and issubclass(public, _EngineFunction)
        found = public if is_node else type(name, (_EngineFunction,), {"__module__": __name__})
        _node_classes[name] = found
    return found


def register_node_class(cls: type) -> type:
    """Use ``cls`` (a subclass of ``EngineFunction``) for the engine's nodes of that name."""
    _node_classes[cls.__name__] = cls
    return cls


EngineFunction = _EngineFunction
_core.set_node_factory(lambda node: _node_class(node.name)._of(node))


class _GradMode:
    """Context manager and decorator that switches recording for the current thread."""

    _enabled: bool

    def __enter__(self) -> None:
        self._before = _core.is_grad_enabled()
        _core.set_grad_enabled(self._enabled)

    def __exit__(self, *exc: object) -> None:
        _core.set_grad_enabled(self._before)

    def __call__(self, fn: Callable) -> Callable:
        import functools

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return fn(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):  # noqa: N801
    """Inside, operations are not recorded: ``with no_grad(): ...`` or ``@no_grad()``."""

    _enabled = False


class enable_grad(_GradMode):  # noqa: N801
    """Inside, operations are recorded, also within ``no_grad``."""

    _enabled = True


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

    Trades one more forward pass for memory (Chen et al. 2016). ``fn`` must give the same result both
    times: no random numbers, unless drawn from a generator that it resets. Parameters that ``fn``
    reaches by closure receive their gradients too.
    """
    with no_grad():
        result = fn(*inputs)
    if _core.is_grad_enabled():
        out = Tensor(result.data, requires_grad=True)
        out._grad_fn = _CheckpointFunction(fn, inputs)
        return out
    return result
