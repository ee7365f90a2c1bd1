"""The gradient nodes of convolution and max pooling.

The engine's own nodes appear as these classes; built by hand, one runs the operation once to obtain
its rule.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from .autograd import EngineFunction, register_node_class
from .tensor import Tensor


@register_node_class
class Conv2dBackward(EngineFunction):
    """Gradients of (x, weight, bias); None in the third place without a bias."""

    def __init__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: Any,
        padding: Any,
        kernel_size: Any,
        padded_shape: Any,
    ) -> None:
        self.x, self.weight, self.bias = x, weight, bias
        self.stride, self.padding, self.kernel_size = stride, padding, kernel_size
        self.padded_shape = padded_shape
        super().__init__(*((x, weight) if bias is None else (x, weight, bias)))

    def _operation(self, x: Any, weight: Any, bias: Any = None) -> Tensor:
        return _core.ops.conv2d(x, weight, bias, self.stride, self.padding)

    def apply(self, grad_output: Any) -> tuple[Any, ...]:
        entries = tuple(super().apply(grad_output))
        return (*entries, *(None for _ in range(3 - len(entries))))


@register_node_class
class MaxPool2dBackward(EngineFunction):
    """The gradient of x: each output's share goes to its first maximum in row-major order."""

    _arity = 1

    def __init__(
        self, x: Tensor, output_shape: Any, kernel_size: Any, stride: Any, padding: Any
    ) -> None:
        self.x, self.output_shape, self.kernel_size = x, output_shape, kernel_size
        self.stride, self.padding = stride, padding
        super().__init__(x)

    def _operation(self, x: Any) -> Tensor:
        return _core.ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)
