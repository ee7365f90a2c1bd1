"""Convolution, pooling and batch normalisation over images (N, C, H, W).

Output size per axis: (in + 2 padding - kernel) // stride + 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ._batch_norm import BatchNorm2d
from ._containers import Flatten, flatten
from ._legacy_spatial import AvgPool2D, Conv2D, MaxPool2D
from ._module import Layer
from ._spatial_nodes import Conv2dBackward, MaxPool2dBackward
from ._weighted import WeightedLayer
from ._window import as_pair, check_4d
from .autograd import Function
from .tensor import Tensor

_ops = _core.ops

DEFAULT_KERNEL_SIZE = 3
DEFAULT_STRIDE = 1
DEFAULT_PADDING = 0


class Conv2d(WeightedLayer):
    """Cross-correlation with zero padding; weight (out, in, kernel height, kernel width).

    The weight starts from the He normal distribution (He et al. 2015), the bias from zeros.
    `stride` and `padding` are ints or (height, width) pairs.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = DEFAULT_STRIDE,
        padding: Any = DEFAULT_PADDING,
        bias: bool = True,
    ) -> None:
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_pair(kernel_size)
        self.stride = stride
        self.padding = padding
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        shape = (out_channels, in_channels, *self.kernel_size)
        weight = np.random.normal(0, math.sqrt(2.0 / fan_in), shape)
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(np.zeros(out_channels), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        check_4d(x)
        if x.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"Conv2d expects {self.weight.shape[1]} input channels, got {x.shape[1]} "
                f"in shape {x.shape}"
            )
        return _ops.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def __repr__(self) -> str:
        return (
            f"Conv2d({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, bias={self.bias is not None})"
        )


class _Pool2d(Layer):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size = as_pair(kernel_size)
        self.stride = self.kernel_size[0] if stride is None else stride
        self.padding = padding

    def parameters(self) -> list[Tensor]:
        return []

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding})"
        )


class MaxPool2d(_Pool2d):
    """Maximum of each window; padding counts as -inf. Ties send the gradient to the first."""

    def forward(self, x: Any) -> Any:
        check_4d(x)
        return _ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """Mean of each full window; padding counts as 0."""

    def forward(self, x: Any) -> Any:
        check_4d(x)
        return _ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class SimpleCNN(Layer):
    """Feature extractor: two 3x3 convolutions (16, 32 channels), each with ReLU and 2x2 pooling.

    (N, 3, H, W) gives (N, 32 (H/4) (W/4)); there is no classifier on top.
    """

    def __init__(self, num_classes: int = 10) -> None:
        self.conv1 = Conv2d(3, 16, kernel_size=3, padding=1)
        self.pool1 = MaxPool2d(2, stride=2)
        self.conv2 = Conv2d(16, 32, kernel_size=3, padding=1)
        self.pool2 = MaxPool2d(2, stride=2)
        self.flattened_size = 32 * 8 * 8
        self.num_classes = num_classes

    def relu(self, x: Any) -> Any:
        return _ops.relu(x)

    def forward(self, x: Any) -> Any:
        x = self.pool1.forward(self.relu(self.conv1.forward(x)))
        x = self.pool2.forward(self.relu(self.conv2.forward(x)))
        return flatten(x)

    def parameters(self) -> list[Tensor]:
        return self.conv1.parameters() + self.conv2.parameters()


__all__ = [
    "DEFAULT_KERNEL_SIZE",
    "DEFAULT_PADDING",
    "DEFAULT_STRIDE",
    "AvgPool2D",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2D",
    "Conv2d",
    "Conv2dBackward",
    "Flatten",
    "Function",
    "MaxPool2D",
    "MaxPool2d",
    "MaxPool2dBackward",
    "SimpleCNN",
    "Tensor",
]
