"""Convolutional networks as a list of nodes: what is trained, saved and served is the same list.

    net = ConvNet(nodes=swiftcnn())           # tinytorch.models.cifar
    net.forward(images)                       # training, with gradients
    session = net.session(batch=32)           # inference

The nodes are those of `tinytorch.runtime`, and one more:

    ("whiten", name, in, out, kernel)   a convolution without padding whose weight is not trained

A convolution has a bias unless a batch norm is the next to look at its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from ..core._batch_norm import BatchNorm2d
from ..core._module import Layer
from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ..runtime import CnnSession
from .networks import Network
from .nodes import (
    Node,
    checked,
    folds,
    for_half_images,
    listed,
    macs,
    plain,
    walk,
    with_bias,
    without_norms,
)

_ops = _core.ops


class GroupedConv2d(Conv2d):
    """A convolution in `groups` parts that do not see each other's channels; weight
    (out, in / groups, kernel, kernel)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int, padding: int,
        groups: int, bias: bool,
    ) -> None:  # fmt: skip
        super().__init__(in_channels // groups, out_channels, kernel_size, stride, padding, bias)
        self.in_channels = in_channels
        self.groups = groups

    def forward(self, x: Any) -> Any:
        if x.shape[1] != self.in_channels:
            raise ValueError(f"expected {self.in_channels} input channels, got shape {x.shape}")
        bias, stride, padding = self.bias, self.stride, self.padding
        return _ops.conv2d(x, self.weight, bias, stride, padding, groups=self.groups)


class WhiteningConv2d(Conv2d):
    """A convolution whose weight is kept in the state but not trained; its bias is."""

    _buffer_names = ("weight",)

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size)
        self.weight = Tensor(self.weight.data)

    def parameters(self) -> list[Tensor]:
        return [] if self.bias is None else [self.bias]


class ConvNet(Network):
    """Images (N, *input_shape) with values from 0 to 1 to scores (N, classes), by a list of nodes.

    The nodes see (image - mean) / std, `mean` and `std` being per channel (0 and 1 if left out). A
    node's layer is the attribute of its name; it may be replaced. ValueError for nodes that are
    unknown, too large or not properly nested.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 32, 32),
        nodes: Sequence[Sequence[Any]] = (),
        classes: int = 10,
        mean: Sequence[float] | np.ndarray | None = None,
        std: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        self._nodes = checked(nodes)
        self.mean, self.std = _statistics(input_shape, mean, std)
        layers = [(node[1], _layer(node, biased)) for node, biased in with_bias(self._nodes)]
        if len({name for name, _ in layers}) != len(layers):
            raise ValueError("two nodes have one name")
        for name, _ in layers:
            if hasattr(ConvNet, name):
                raise ValueError(f"the name {name!r} is taken by the network itself")
        super().__init__(input_shape, layers)
        self.classes = classes

    @property
    def nodes(self) -> list[Node]:
        """The nodes, with the sizes that the layers have now (pruning may have changed them)."""
        return [self._resized(node) for node in self._nodes]

    def forward(self, x: Any) -> Any:
        return self.scores(_ops.mul(_ops.sub(x, _planes(self.mean)), _planes(1.0 / self.std)))

    def scores(self, normalized: Any) -> Any:
        """The scores of images that are normalized already, of all their pixels or, for the first
        epochs of a training, of half the sides (`nodes.for_half_images`)."""
        nodes = self._nodes
        if tuple(normalized.shape[2:]) == tuple(side // 2 for side in self.input_shape[1:]):
            nodes = for_half_images(nodes, self.input_shape)
        return self._run(nodes, normalized)

    def _run(self, nodes: Sequence[Node], x: Any) -> Any:
        kept: list[Any] = []
        joined = False
        for node, following in zip(nodes, [*nodes[1:], ("end",)], strict=True):
            kind = node[0]
            if kind == "bn":
                layer = getattr(self, node[1])
                joined = following[0] == "relu" and type(layer) is BatchNorm2d
                x = layer.forward(x, relu=True) if joined else layer.forward(x)
            elif kind == "relu":
                x = x if joined else _ops.relu(x)
                joined = False
            elif kind in ("conv", "whiten", "linear"):
                x = self._forward_layer(node[1], _flat(x) if kind == "linear" else x)
            elif kind == "maxpool":
                x = _ops.max_pool2d(x, node[1], node[1], 0)
            elif kind == "gap":
                x = _ops.mean(x, (2, 3))
            elif kind == "push":
                kept.append(x)
            elif kind == "proj":
                kept[-1] = self._run(node[1], kept[-1])
            elif kind == "add":
                x = _ops.add(x, kept.pop())
            elif kind == "flatten":
                x = _flat(x)
            else:
                x = self._special(node, x)
        return x

    def _special(self, node: Node, x: Any) -> Any:
        raise ValueError(f"unknown node {node!r}")

    def session_parts(self) -> tuple[list[Node], dict[str, np.ndarray]]:
        """Nodes and weights of a `tinytorch.runtime.CnnSession` that takes normalized images."""
        weights: dict[str, np.ndarray] = {}
        for name, layer in self.named_layers():
            if isinstance(layer, BatchNorm2d):
                weights[f"{name}.gamma"] = np.array(layer.gamma.data)
                weights[f"{name}.beta"] = np.array(layer.beta.data)
                weights[f"{name}.mean"] = np.array(layer.running_mean)
                weights[f"{name}.var"] = np.array(layer.running_var)
                continue
            weight = np.array(layer.weight.data)
            weights[f"{name}.w"] = weight.T.copy() if isinstance(layer, Linear) else weight
            if layer.bias is not None:
                weights[f"{name}.b"] = np.array(layer.bias.data)
        return [plain(node) for node in self.nodes], weights

    def _forward_layer(self, name: str, x: Any) -> Any:
        return getattr(self, name).forward(x)

    def session(self, **options: Any) -> CnnSession:
        """An inference session for normalized images, with the options of `CnnSession`."""
        nodes, weights = self.session_parts()
        return CnnSession(nodes, weights, input_shape=self.input_shape, **options)

    def folded(self) -> ConvNet:
        """A copy for inference whose norms are in the weights of the convolutions before them.

        A norm may go through a maximum pool if its gains are positive. ValueError where they are
        not, or a norm follows no convolution.
        """
        new = ConvNet(
            self.input_shape, without_norms(self.nodes), self.classes, self.mean, self.std
        )
        for name, layer in new.named_layers():
            old = getattr(self, name)
            layer.weight.data = np.array(old.weight.data)
            if old.bias is not None:
                layer.bias.data = np.array(old.bias.data)
        for conv, norm, pooled in folds(self.nodes):
            if pooled and (getattr(self, norm).gamma.data <= 0).any():
                raise ValueError(f"{norm!r} turns channels around, behind a maximum pool")
            _fold(getattr(new, conv), getattr(self, norm))
        new.eval()
        return new

    def macs(self) -> int:
        """Multiply-adds of the convolutions and linear layers for one image."""
        return macs(self.nodes, self.input_shape)

    def sizes(self) -> dict[str, Any]:
        return {
            "input_shape": list(self.input_shape),
            "nodes": [listed(node) for node in self.nodes],
            "classes": self.classes,
            "mean": [float(m) for m in self.mean],
            "std": [float(s) for s in self.std],
        }

    def describe(self) -> str:
        names = {"conv": "conv {3}", "whiten": "whitening {3}", "linear": "linear {3}"}
        parts = [names[n[0]].format(*n) for n in walk(self.nodes) if n[0] in names]
        return " \u2192 ".join(parts)

    def _resized(self, node: Node) -> Node:
        if node[0] == "proj":
            return ("proj", [self._resized(inner) for inner in node[1]])
        if node[0] in ("conv", "whiten"):
            layer = getattr(self, node[1])
            made, taken = layer.weight.shape[0], layer.weight.shape[1]
            grouped = len(node) == 8 and node[7] > 1
            return (*node[:2], taken * getattr(layer, "groups", 1), made, *node[4:7],
                    *((layer.groups,) if grouped else ()))  # fmt: skip
        if node[0] == "bn":
            return (*node[:2], getattr(self, node[1]).num_features)
        if node[0] == "linear":
            layer = getattr(self, node[1])
            return (*node[:2], layer.in_features, layer.out_features)
        return node


def _planes(values: np.ndarray) -> Tensor:
    return Tensor(values.reshape(-1, 1, 1))


def _statistics(
    input_shape: Sequence[int],
    mean: Sequence[float] | np.ndarray | None,
    std: Sequence[float] | np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    channels = input_shape[0]
    shift = np.zeros(channels) if mean is None else np.asarray(mean, np.float64)
    spread = np.ones(channels) if std is None else np.asarray(std, np.float64)
    if shift.shape != (channels,) or spread.shape != (channels,) or not (spread > 0).all():
        raise ValueError(f"mean and std need {channels} values, with std above 0")
    return shift.astype(np.float32), spread.astype(np.float32)


def normalized_bytes(network: Any, images: np.ndarray) -> np.ndarray:
    """uint8 images (N, C, H, W) as the network's nodes see them."""
    mean, std = network.mean.tolist(), network.std.tolist()
    made: np.ndarray = _core.data.augmented(images, np.arange(len(images)), mean, std)
    return made


def _fold(conv: Any, norm: BatchNorm2d) -> None:
    gain = norm.gamma.data / np.sqrt(np.asarray(norm.running_var, np.float64) + norm.eps)
    bias = conv.bias.data if conv.bias is not None else 0.0
    conv.weight.data = (conv.weight.data * gain[:, None, None, None]).astype(np.float32)
    conv.bias.data = ((bias - norm.running_mean) * gain + norm.beta.data).astype(np.float32)


def _flat(x: Any) -> Any:
    return x if len(x.shape) == 2 else _ops.reshape(x, (x.shape[0], -1))


def _layer(node: Node, biased: bool) -> Layer:
    kind, _, *sizes = node
    if kind == "bn":
        return BatchNorm2d(sizes[0])
    if kind == "linear":
        return Linear(sizes[0], sizes[1])
    if kind == "whiten":
        return WhiteningConv2d(*sizes)
    inputs, outputs, kernel, stride, padding, *groups = sizes
    if groups and groups[0] > 1:
        options = {"stride": stride, "padding": padding, "groups": groups[0], "bias": biased}
        return GroupedConv2d(inputs, outputs, kernel, **options)
    return Conv2d(inputs, outputs, kernel, stride, padding, bias=biased)
