"""Keeps the filters of a network in mirror pairs while it is trained (`models.mirror` says what
they are): each pair is told at every step what both images say.

Tied are arrays of an ordinary network, whose sessions and files know nothing of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..core.tensor import Tensor
from ..models.convnet import ConvNet
from ..models.mirror import Partners, both, partners


class MirrorPairs:
    """Keeps the parameters of `network` in pairs.

    Whitening filters must be mirrored by one another already (`_start.whitening_filters`).
    ValueError for networks that see left and right differently (`models.mirror.partners`).
    """

    def __init__(self, network: ConvNet) -> None:
        self.network = network
        self.partners = partners(
            network.nodes,
            network.input_shape,
            lambda name: _partners_of(getattr(network, name).weight.data),
        )
        # Of each parameter and statistic (layer, array): where in the flat array the partner of
        # each value is.
        self.places: dict[tuple[str, str], np.ndarray] = {}
        for name, found in self.partners.items():
            self._place(name, getattr(network, name), found)
        self._pairs = {key: _core.optim.Pairs(where) for key, where in self.places.items()}

    def begin(self) -> None:
        """Make the later half of each convolution's filters those of the first, mirrored."""
        for name, (taken, made) in self.partners.items():
            weight = getattr(getattr(self.network, name), "weight", None)
            if weight is not None and weight.data.ndim == 4 and weight.requires_grad:
                weight.data = both(weight.data[: len(made) // 2], taken)
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

    def matrix(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The partners of the rows and columns of a convolution's filters (O, I H W)."""
        taken, made = self.partners[name]
        grid = np.arange(np.prod(getattr(self.network, name).weight.shape[1:]))
        columns = grid.reshape(getattr(self.network, name).weight.shape[1:])[taken][..., ::-1]
        return np.asarray(made, np.int64), columns.astype(np.int64).ravel()

    def _place(self, name: str, layer: Any, found: Partners) -> None:
        taken, made = found
        if not hasattr(layer, "weight"):
            for array in ("gamma", "beta", "running_mean", "running_var"):
                self.places[name, array] = made
            return
        shape = layer.weight.shape
        grid = np.arange(np.prod(shape)).reshape(shape)
        if len(shape) == 2:  # of a linear layer (in, out)
            self.places[name, "weight"] = grid[taken].ravel()
            return
        self.places[name, "weight"] = grid[made][:, taken][..., ::-1].ravel()
        if layer.bias is not None:
            self.places[name, "bias"] = made


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
