"""Networks that give an image and its mirror image the same scores.

Channels come in pairs: one has in an image what the other has in the mirror image. With the
partner p(c) of channel c, filters are kept such that W[p(o), p(i), y, -x] = W[o, i, y, x] (Cohen
and Welling 2016, "Group equivariant convolutional networks", for the group of two). Such filters
have half as many free values, and each is told at every step what both images say.

Tied are arrays of an ordinary network, whose sessions and files know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from ..core.tensor import Tensor
from ..models.convnet import ConvNet
from ..models.nodes import Node


class MirrorPairs:
    """Keeps the parameters of `network` in pairs.

    Whitening filters must be mirrored by one another already (`_start.whitening_filters`); in other
    layers channel c and c + half of them are partners.

    ValueError for networks that see left and right differently: with strides, odd widths of images
    before a pool or of channels, or a linear layer for positions.
    """

    def __init__(self, network: ConvNet) -> None:
        self.network = network
        # Of each parameter and statistic (layer, array): where in the flat array the partner of
        # each value is.
        self.places: dict[tuple[str, str], np.ndarray] = {}
        self.inputs: dict[str, np.ndarray] = {}  # of each convolution: partners of its inputs
        channels, width = network.input_shape[0], network.input_shape[2]
        self._read(network.nodes, np.arange(channels), width)
        self._pairs = {key: _core.optim.Pairs(where) for key, where in self.places.items()}

    def begin(self) -> None:
        """Make the later half of each convolution's filters those of the first, mirrored."""
        for (layer, name), places in self.places.items():
            owner = getattr(self.network, layer)
            value = _values(owner, name)
            if value.ndim == 4 and owner.weight.requires_grad:
                half = len(value) // 2
                mirrored = value.ravel()[places].reshape(value.shape)
                _set(owner, name, np.concatenate([value[:half], mirrored[half:]]))
        self.tie_values()

    def tie_gradients(self) -> None:
        """Give partners the mean of their gradients: what the pair learns from both."""
        for (layer, name), pairs in self._pairs.items():
            parameter = getattr(getattr(self.network, layer), name)
            if isinstance(parameter, Tensor) and parameter.grad is not None:
                grad = np.require(parameter.grad, np.float32, ["C", "W"])
                pairs.average(grad)
                parameter.grad = grad

    def tie_values(self) -> None:
        """Undo what rounding, and norms that see one of the two images, made of the pairs."""
        for (layer, name), pairs in self._pairs.items():
            owner = getattr(self.network, layer)
            value = np.array(_values(owner, name), np.float32)
            pairs.average(value)
            _set(owner, name, value)

    def _read(self, nodes: Sequence[Node], partners: np.ndarray, width: int) -> tuple[Any, int]:
        """Of the results: each channel's partner, and the images' width (0: none)."""
        kept: list[tuple[Any, int]] = []
        for node in nodes:
            kind = node[0]
            if kind in ("conv", "whiten"):
                partners, width = self._read_convolution(node, partners, width)
            elif kind == "bn":
                self._tie(node[1], ("gamma", "beta", "running_mean", "running_var"), partners)
            elif kind == "linear":
                if width > 1:
                    raise ValueError(f"{node!r} sees positions: a mirror image has others")
                self.places[node[1], "weight"] = self._grid(node[1])[partners].ravel()
                partners = np.arange(node[3])
            elif kind == "maxpool":
                if width % node[1]:
                    raise ValueError(f"{node!r} cuts columns off images that are {width} wide")
                width //= node[1]
            elif kind == "gap":
                width = 1
            elif kind == "push":
                kept.append((partners, width))
            elif kind == "proj":
                kept[-1] = self._read(node[1], *kept[-1])
            elif kind == "add":
                kept.pop()
        return partners, width

    def _read_convolution(
        self, node: Node, partners: np.ndarray, width: int
    ) -> tuple[np.ndarray, int]:
        stride, padding = node[5:7] if node[0] == "conv" else (1, 0)
        if stride > 1 or len(node) == 8:
            raise ValueError(f"{node!r}: mirror pairs are for convolutions without strides, groups")
        layer = getattr(self.network, node[1])
        made = _partners_of(layer.weight.data) if node[0] == "whiten" else _halves(node)
        self.inputs[node[1]] = partners
        grid = self._grid(node[1])[made][:, partners][..., ::-1]
        self.places[node[1], "weight"] = grid.ravel()
        if layer.bias is not None:
            self._tie(node[1], ("bias",), made)
        return made, width + 2 * padding - node[4] + 1

    def _grid(self, layer: str) -> np.ndarray:
        """The places of a layer's weights."""
        shape = getattr(self.network, layer).weight.shape
        return np.arange(np.prod(shape)).reshape(shape)

    def _tie(self, layer: str, arrays: Sequence[str], partners: np.ndarray) -> None:
        self.places.update({(layer, array): partners for array in arrays})


def one_of_each(partners: np.ndarray) -> np.ndarray:
    """The first channel of each pair."""
    return np.flatnonzero(np.arange(len(partners)) <= partners)


def _halves(node: Node) -> np.ndarray:
    half, odd = divmod(node[3], 2)
    if odd:
        raise ValueError(f"{node!r}: an odd number of channels has no mirror pairs")
    return np.concatenate([np.arange(half, 2 * half), np.arange(half)])


def _partners_of(filters: np.ndarray) -> np.ndarray:
    """Which of the filters (O, C, H, W) is the mirror image of each."""
    flat = filters.reshape(len(filters), -1)
    mirrored = filters[..., ::-1].reshape(len(filters), -1)
    distances = np.linalg.norm(mirrored[:, None] - flat[None], axis=2)
    nearest: np.ndarray = distances.argmin(axis=1)
    if distances.min(axis=1).max() > 1e-2 * np.linalg.norm(flat, axis=1).min():
        raise ValueError("the whitening filters are not mirrored by one another")
    return nearest


def _values(owner: Any, name: str) -> np.ndarray:
    value = getattr(owner, name)
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def _set(owner: Any, name: str, value: np.ndarray) -> None:
    if isinstance(getattr(owner, name), Tensor):
        getattr(owner, name).data = value
    else:
        setattr(owner, name, value)
