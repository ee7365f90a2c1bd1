"""The node classes that programs name: each is the engine's rule for one operation.

Built from operands, as in ``MulBackward(a, b)``, a node runs its operation once; ``apply(g)`` then
gives the gradients of the operands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ._function import EngineFunction, register_node_class
from .tensor import Tensor

_F = _core.ops

EPSILON = 1e-7  # binary cross entropy limits probabilities to [EPSILON, 1 - EPSILON]


def _operand_shape(node: EngineFunction) -> tuple[int, ...]:
    shape: tuple[int, ...] = node.saved_tensors[0].shape
    return shape


@register_node_class
class AddBackward(EngineFunction):
    """d(a + b): (g, g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.add(a, b)


@register_node_class
class SubBackward(EngineFunction):
    """d(a - b): (g, -g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.sub(a, b)


@register_node_class
class MulBackward(EngineFunction):
    """d(a * b): (g b, g a)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.mul(a, b)


@register_node_class
class DivBackward(EngineFunction):
    """d(a / b): (g / b, -g a / b^2)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.div(a, b)


@register_node_class
class MatmulBackward(EngineFunction):
    """d(a @ b): (g b^T, a^T g)."""

    _arity = 2

    def _operation(self, a: Any, b: Any) -> Tensor:
        return _F.matmul(a, b)


@register_node_class
class TransposeBackward(EngineFunction):
    """Exchanges the same two dimensions again."""

    _arity = 1

    def __init__(self, tensor: Any, dim0: int | None, dim1: int | None) -> None:
        self.dim0, self.dim1 = dim0, dim1
        super().__init__(tensor)

    def _operation(self, tensor: Tensor) -> Tensor:
        return tensor.transpose(self.dim0, self.dim1)


@register_node_class
class PermuteBackward(EngineFunction):
    """Orders the dimensions back."""

    _arity = 1

    def __init__(self, tensor: Any, axes: tuple[int, ...]) -> None:
        self.axes = axes
        self.inverse_axes = tuple(int(i) for i in np.argsort(axes))
        super().__init__(tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.permute(tensor, self.axes)


@register_node_class
class ReshapeBackward(EngineFunction):
    """Reshapes the gradient back to ``original_shape``."""

    _arity = 1
    _shape: tuple[int, ...] | None = None  # of a node built from operands

    def __init__(self, tensor: Any, original_shape: tuple[int, ...]) -> None:
        self._shape = tuple(original_shape)
        super().__init__(tensor)

    @property
    def original_shape(self) -> tuple[int, ...]:
        return _operand_shape(self) if self._shape is None else self._shape

    def apply(self, grad_output: Any) -> tuple[np.ndarray | None, ...]:
        if self._node is None:
            return (None,)
        return (np.asarray(grad_output, dtype=np.float32).reshape(self.original_shape),)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.reshape(tensor, tensor.shape)


@register_node_class
class SliceBackward(EngineFunction):
    """Adds the gradient at the indexed places of zeros."""

    _arity = 1

    def __init__(self, tensor: Any, key: Any) -> None:
        self.key = key
        super().__init__(tensor)

    @property
    def original_shape(self) -> tuple[int, ...]:
        return _operand_shape(self)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.index(tensor, self.key)


@register_node_class
class SumBackward(EngineFunction):
    """Spreads the gradient over what was summed."""

    _arity = 1

    def _operation(self, tensor: Any) -> Tensor:
        return _F.sum(tensor)


@register_node_class
class ReLUBackward(EngineFunction):
    """g where the input is positive."""

    _arity = 1

    def __init__(self, input_tensor: Any) -> None:
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.relu(tensor)


@register_node_class
class GELUBackward(EngineFunction):
    """The derivative of x sigmoid(1.702 x)."""

    _arity = 1

    def __init__(self, input_tensor: Any) -> None:
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.gelu_sigmoid(tensor)


@register_node_class
class SigmoidBackward(EngineFunction):
    """g y (1 - y)."""

    _arity = 1

    def __init__(self, input_tensor: Any, output_tensor: Any) -> None:
        self.output_data = output_tensor.data
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.sigmoid(tensor)


@register_node_class
class SoftmaxBackward(EngineFunction):
    """y (g - sum(g y)) along ``dim``."""

    _arity = 1

    def __init__(self, input_tensor: Any, output_tensor: Any, dim: int = -1) -> None:
        self.output_data, self.dim = output_tensor.data, dim
        super().__init__(input_tensor)

    def _operation(self, tensor: Any) -> Tensor:
        return _F.softmax(tensor, self.dim)


@register_node_class
class EmbeddingBackward(EngineFunction):
    """Adds each row of the gradient at its index; repeated indices accumulate."""

    _arity = 1

    def __init__(self, weight: Any, indices: Any) -> None:
        self.indices = indices
        super().__init__(weight)

    def _operation(self, weight: Any) -> Tensor:
        return _F.embedding(weight, self.indices)


class _LossBackward(EngineFunction):
    _arity = 1

    def __init__(self, predictions: Any, targets: Any) -> None:
        self._targets = targets if isinstance(targets, Tensor) else Tensor(targets)
        self.targets_data = self._targets.data
        self.num_samples = int(np.size(self.targets_data))
        super().__init__(predictions)


@register_node_class
class MSEBackward(_LossBackward):
    """2 (p - t) / N g."""

    def _operation(self, predictions: Any) -> Tensor:
        return _F.mse_loss(predictions, self._targets)


@register_node_class
class BCEBackward(_LossBackward):
    """(p - t) / (p (1 - p) N) g, p limited to [EPSILON, 1 - EPSILON]."""

    def _operation(self, predictions: Any) -> Tensor:
        return _F.binary_cross_entropy(predictions, self._targets, EPSILON)


@register_node_class
class CrossEntropyBackward(EngineFunction):
    """(softmax - onehot) / B g."""

    _arity = 1

    def __init__(self, logits: Any, targets: Any) -> None:
        self._targets = targets if isinstance(targets, Tensor) else Tensor(targets)
        self.targets_data = self._targets.data.astype(int)
        self.batch_size, self.num_classes = logits.shape[0], logits.shape[-1]
        super().__init__(logits)

    def _operation(self, logits: Any) -> Tensor:
        return _F.cross_entropy(logits, self._targets)
