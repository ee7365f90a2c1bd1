"""Conv2D, MaxPool2D and AvgPool2D of older course code: the layout is decided per call.

Channels may come first (N, C, H, W) or last (N, H, W, C); the output has the input's layout. The
arithmetic is the engine's, on channels first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from ._module import Layer
from ._weighted import WeightedLayer
from ._window import as_pair, check_4d
from .tensor import Tensor

_ops = _core.ops


def _channels_last(function: Callable[[Any], Any], x: Any) -> Any:
    y = function(_ops.permute(x, (0, 3, 1, 2)))
    return _ops.permute(y, (0, 2, 3, 1))


class Conv2D(WeightedLayer):
    """Convolution over either layout; `padding="same"` keeps the size (for stride 1)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        bias: bool = True,
    ) -> None:
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f'padding must be a number, a pair, "same" or "valid", got {padding!r}'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        kernel = as_pair(kernel_size)
        scale = math.sqrt(2.0 / (in_channels * kernel[0] * kernel[1]))
        weight = np.random.normal(0, scale, (out_channels, in_channels, *kernel))
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(np.zeros(out_channels), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        check_4d(x)
        if x.shape[1] == self.in_channels:
            return self._convolve(x)
        if x.shape[3] == self.in_channels:
            return _channels_last(self._convolve, x)
        raise ValueError(
            f"Conv2D expects {self.in_channels} channels in axis 1 or in the last axis, "
            f"got shape {x.shape}"
        )

    def _convolve(self, x: Any) -> Any:
        padding = self.padding
        if padding == "valid":
            padding = 0
        elif padding == "same":
            height, width = (size - 1 for size in as_pair(self.kernel_size))
            widths = (
                (0, 0),
                (0, 0),
                (height // 2, height - height // 2),
                (width // 2, width - width // 2),
            )
            x, padding = _ops.pad(x, widths), 0
        return _ops.conv2d(x, self.weight, self.bias, self.stride, padding)


class _Pool2D(Layer):
    _pool: Any = None

    def __init__(
        self, kernel_size: Any = 2, stride: Any = None, padding: Any = 0, pool_size: Any = None
    ) -> None:
        self.kernel_size = kernel_size if pool_size is None else pool_size
        self.pool_size = self.kernel_size
        self.stride = stride
        self.padding = padding

    def parameters(self) -> list[Tensor]:
        return []

    def forward(self, x: Any) -> Any:
        check_4d(x)
        _, first, second, third = x.shape
        if first == second != third:
            return _channels_last(self._pooled, x)
        return self._pooled(x)

    def _pooled(self, x: Any) -> Any:
        return type(self)._pool(x, self.kernel_size, self.stride, self.padding)


class MaxPool2D(_Pool2D):
    """Max pooling; (N, A, A, C) with C different from A counts as channels last."""

    _pool = staticmethod(_ops.max_pool2d)


class AvgPool2D(_Pool2D):
    """Average pooling; (N, A, A, C) with C different from A counts as channels last."""

    _pool = staticmethod(_ops.avg_pool2d)
