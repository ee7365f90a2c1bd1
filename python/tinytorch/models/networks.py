"""Image classifiers with named layers: a multi-layer perceptron and a small convolutional network.

Both take images (N, channels, height, width) and give scores (N, classes). A layer is an attribute
and may be replaced, by a quantized or a sparse one say; `layers` has them in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..core._module import Layer
from ..core.activations import ReLU
from ..core.layers import Dropout, Flatten, Linear
from ..core.spatial import Conv2d, MaxPool2d
from ..core.tensor import Tensor

MAX_SIZE = 1 << 14  # of one axis or layer; bounds what a config file can ask for
MAX_LAYERS = 16
MAX_WEIGHTS = 1 << 26


class Network(Layer):
    """Layers called one after the other, each an attribute.

    `input_shape` is (channels, height, width) of an image.
    """

    def __init__(self, input_shape: Sequence[int], layers: Sequence[tuple[str, Any]]) -> None:
        self.input_shape = tuple(input_shape)
        self.classes = 0
        self.layer_names = tuple(name for name, _ in layers)
        for name, layer in layers:
            setattr(self, name, layer)

    @property
    def layers(self) -> list[Any]:
        return [getattr(self, name) for name in self.layer_names]

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        for name in self.layer_names:
            yield name, getattr(self, name)

    def forward(self, x: Any) -> Any:
        for name in self.layer_names:
            x = getattr(self, name).forward(x)
        return x

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def parameters(self) -> list[Tensor]:
        return [
            p for layer in self.layers if hasattr(layer, "parameters") for p in layer.parameters()
        ]

    def count_parameters(self) -> int:
        """Weights and biases it computes with, quantized and sparse layers' included."""
        from ..nn.quantized import count_parameters

        return count_parameters(self)

    def sizes(self) -> dict[str, Any]:
        """The arguments that make a network of this form (pruning may have changed them)."""
        raise NotImplementedError

    def describe(self) -> str:
        """Its layers in a line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={layer!r}" for name, layer in self.named_layers())
        return f"{type(self).__name__}({inner})"


class MLP(Network):
    """Flatten, then Linear and ReLU (and Dropout, while training) per hidden size, then Linear."""

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 8, 8),
        hidden: Sequence[int] = (256, 128),
        classes: int = 10,
        dropout: float = 0.2,
    ) -> None:
        _check(input_shape, hidden, [classes])
        widths = [math.prod(input_shape), *hidden, classes]
        _check_weights(widths)
        layers: list[tuple[str, Any]] = [("flatten", Flatten())]
        for i in range(1, len(widths)):
            layers.append((f"fc{i}", Linear(widths[i - 1], widths[i])))
            if i < len(widths) - 1:
                layers += [(f"relu{i}", ReLU()), (f"drop{i}", Dropout(dropout))]
        super().__init__(input_shape, layers)
        self.hidden = tuple(hidden)
        self.classes = classes
        self.dropout = dropout

    def sizes(self) -> dict[str, Any]:
        hidden = [getattr(self, f"fc{i + 1}").out_features for i in range(len(self.hidden))]
        return {
            "input_shape": list(self.input_shape),
            "hidden": hidden,
            "classes": self.classes,
            "dropout": self.dropout,
        }

    def describe(self) -> str:
        widths = [math.prod(self.input_shape), *self.sizes()["hidden"], self.classes]
        return " \u2192 ".join(str(width) for width in widths)


class CNN(Network):
    """3x3 convolutions with ReLU, each followed by max pooling where `pools` says more than 1;
    then Linear, ReLU, Dropout (while training), Linear."""

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 8, 8),
        channels: Sequence[int] = (16, 32),
        pools: Sequence[int] = (1, 2),
        hidden: int = 64,
        classes: int = 10,
        dropout: float = 0.3,
    ) -> None:
        _check(input_shape, channels, pools, [hidden, classes])
        if len(pools) != len(channels):
            raise ValueError(f"pools needs one size per convolution, got {pools} for {channels}")
        before, height, width = input_shape
        _check_weights([before, *channels], 9)
        layers: list[tuple[str, Any]] = []
        for i, (after, pool) in enumerate(zip(channels, pools, strict=True), start=1):
            layers += [(f"conv{i}", Conv2d(before, after, 3, padding=1)), (f"relu{i}", ReLU())]
            if pool > 1:
                layers.append((f"pool{i}", MaxPool2d(pool)))
            before, height, width = after, height // pool, width // pool
        if height < 1 or width < 1:
            raise ValueError(f"pools {tuple(pools)} leave nothing of images of {input_shape}")
        _check_weights([before * height * width, hidden, classes])
        layers += [
            ("flatten", Flatten()),
            ("fc1", Linear(before * height * width, hidden)),
            (f"relu{len(channels) + 1}", ReLU()),
            ("drop1", Dropout(dropout)),
            ("fc2", Linear(hidden, classes)),
        ]
        super().__init__(input_shape, layers)
        self.channels = tuple(channels)
        self.pools = tuple(pools)
        self.classes = classes
        self.dropout = dropout

    def sizes(self) -> dict[str, Any]:
        channels = [getattr(self, f"conv{i + 1}").out_channels for i in range(len(self.channels))]
        return {
            "input_shape": list(self.input_shape),
            "channels": channels,
            "pools": list(self.pools),
            "hidden": int(vars(self)["fc1"].out_features),
            "classes": self.classes,
            "dropout": self.dropout,
        }

    def describe(self) -> str:
        sizes = self.sizes()
        convolutions = " \u2192 ".join(f"conv {c}" for c in sizes["channels"])
        return f"{convolutions} \u2192 {sizes['hidden']} \u2192 {self.classes}"


def _check_weights(widths: Sequence[int], kernel: int = 1) -> None:
    count = kernel * sum(a * b for a, b in itertools.pairwise(widths))
    if count > MAX_WEIGHTS:
        raise ValueError(f"layers {list(widths)} need {count:,} weights, at most {MAX_WEIGHTS:,}")


def _check(*groups: Sequence[int]) -> None:
    """Every size a whole number from 1 to MAX_SIZE, in lists of at most MAX_LAYERS."""
    for group in groups:
        if not isinstance(group, (list, tuple)) or len(group) > MAX_LAYERS:
            raise ValueError(f"sizes must be a list of at most {MAX_LAYERS} numbers, got {group!r}")
        for size in group:
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
                raise ValueError(
                    f"a size must be a whole number from 1 to {MAX_SIZE}, got {size!r}"
                )
    if len(groups[0]) != 3:
        raise ValueError(f"input_shape must be (channels, height, width), got {groups[0]!r}")
