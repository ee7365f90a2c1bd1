"""Networks of nodes with int8 weights, for inference: a trained one made a quarter of its size.

    small = Int8ConvNet.of(network, images)      # uint8 images to calibrate by
    save_model("swiftcnn-int8", small, "swiftcnn")

Weights are symmetric int8 with a scale per output, the norms being folded into them; activations
are bytes that cover a range per value, which calibration images show (Jacob et al. 2018,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference").
Of filters in mirror pairs the state, and so a file, has one of each; a session computes both with
half the products, from activations of seven bits (docs/adr/0019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core._batch_norm import BatchNorm2d
from ..core._module import Layer
from ..core.tensor import Tensor
from ..runtime import CnnSession
from .convnet import ConvNet, normalized_bytes
from .mirror import both, partners
from .networks import Network
from .nodes import Node, listed, macs, walk

_BATCH = 64  # images that sessions of forward() expect


class Int8Weights(Layer):
    """What is stored of a convolution or linear layer; weight (out, ...) is q_weight * scales."""

    _buffer_names = ("q_weight", "scales", "bias")

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        rows = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
        self.scales = np.where(rows > 0, rows / 127, 1).astype(np.float32)
        per = self.scales.reshape(-1, *[1] * (weight.ndim - 1))
        self.q_weight = np.clip(np.rint(weight / per), -127, 127).astype(np.int8)
        self.bias = bias.astype(np.float32)

    @property
    def weight(self) -> np.ndarray:
        per = self.scales.reshape(-1, *[1] * (self.q_weight.ndim - 1))
        return np.asarray(self.q_weight * per)

    def parameters(self) -> list[Tensor]:
        return []

    def count_parameters(self) -> int:
        return int(self.q_weight.size + self.bias.size)


class Int8ConvNet(Network):
    """Images (N, *input_shape) with values from 0 to 1 to scores (N, classes); cannot be trained.

    ranges: smallest and largest number of each value of the session's plan. mirror_pairs: the state
    has the first half of each convolution's filters, which says what the others are
    (`models.mirror`); `of` finds out.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 32, 32),
        nodes: Sequence[Sequence[Any]] = (),
        classes: int = 10,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        ranges: Sequence[Sequence[float]] = (),
        mirror_pairs: bool = False,
    ) -> None:
        if not isinstance(mirror_pairs, bool):
            raise ValueError(f"mirror_pairs must be True or False, got {mirror_pairs!r}")
        plain = ConvNet(input_shape, nodes, classes, mean, std)
        if any(isinstance(layer, BatchNorm2d) for _, layer in plain.named_layers()):
            raise ValueError("an int8 network has its norms in its weights: no 'bn' nodes")
        self.mean, self.std = plain.mean, plain.std
        self._nodes, weights = plain.session_parts()
        super().__init__(input_shape, [(n, _stored(n, weights)) for n, _ in plain.named_layers()])
        self.classes = classes
        self.ranges = [(float(low), float(high)) for low, high in ranges]
        if mirror_pairs:
            partners(self._nodes, input_shape)  # or a ValueError
        self.mirror_pairs = mirror_pairs
        self._session: CnnSession | None = None

    @classmethod
    def of(
        cls, network: ConvNet, images: np.ndarray, *, method: str = "mse", percentile: float = 99.99
    ) -> Int8ConvNet:
        """Quantize a trained network; activation ranges come from `images`, uint8 (N, C, H, W).

        method: "minmax", "percentile" or "mse", as of `tinytorch.nn.quantized.convert`.
        """
        plain = network.folded()
        _, weights = plain.session_parts()
        samples = normalized_bytes(network, images)
        session = plain.session(
            precision="int8", calibration=samples, method=method, percentile=percentile
        )
        made = cls(**{**plain.sizes(), "ranges": session.ranges})
        for name in made.layer_names:
            setattr(made, name, _stored(name, weights))
        made.mirror_pairs = made._has_pairs()
        made.eval()
        return made

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes)

    def session(self, **options: Any) -> CnnSession:
        weights = {}
        for name, layer in self.named_layers():
            weights[f"{name}.w"], weights[f"{name}.b"] = layer.weight, layer.bias
        return CnnSession(
            self._nodes, weights, input_shape=self.input_shape, precision="int8",
            ranges=self.ranges, **options,
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        values = np.asarray(x.data if isinstance(x, Tensor) else x, np.float32)
        return Tensor(self.scores((values - self.mean[:, None, None]) / self.std[:, None, None]))

    def scores(self, normalized: np.ndarray) -> np.ndarray:
        """(N, classes) of images that are normalized already."""
        if self._session is None:
            self._session = self.session(batch=_BATCH)
        made: np.ndarray = self._session(normalized)
        return made

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all arrays by name; with `mirror_pairs` one of each pair. ValueError if the
        filters are none any more."""
        state = super().state_dict()
        if not self.mirror_pairs:
            return state
        if not self._has_pairs():
            raise ValueError("these filters are no mirror pairs: set mirror_pairs to False")
        for name in self._taken():
            for key in _arrays(name):
                state[key] = state[key][: len(state[key]) // 2].copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy the arrays of a `state_dict()` with the same `mirror_pairs`."""
        if self.mirror_pairs:
            state = dict(state)
            for name, taken in self._taken().items():
                filters, *rest = _arrays(name)
                if filters in state:
                    state[filters] = both(_filters(state[filters], len(taken)), taken)
                state.update({key: np.tile(state[key], 2) for key in rest if key in state})
        super().load_state_dict(state, strict)
        self._session = None

    def _taken(self) -> dict[str, np.ndarray]:
        """By convolution, the partners of the channels that it takes."""
        found = partners(self._nodes, self.input_shape)
        return {node[1]: found[node[1]].taken for node in walk(self._nodes) if node[0] == "conv"}

    def _has_pairs(self) -> bool:
        try:
            taken = self._taken()
        except ValueError:
            return False
        for name, inputs in taken.items():
            layer = getattr(self, name)
            half = len(layer.bias) // 2
            filters = both(layer.q_weight[:half], inputs)
            others = [np.tile(array[:half], 2) for array in (layer.scales, layer.bias)]
            found = [layer.q_weight, layer.scales, layer.bias]
            if not all(map(np.array_equal, found, [filters, *others])):
                return False
        return bool(taken)

    def sizes(self) -> dict[str, Any]:
        return {
            "input_shape": list(self.input_shape),
            "nodes": [listed(node) for node in self._nodes],
            "classes": self.classes,
            "mean": [float(m) for m in self.mean],
            "std": [float(s) for s in self.std],
            "ranges": [list(pair) for pair in self.ranges],
            **({"mirror_pairs": True} if self.mirror_pairs else {}),
        }

    def count_parameters(self) -> int:
        return sum(layer.count_parameters() for layer in self.layers)

    def macs(self) -> int:
        """Multiply-adds of the convolutions and linear layers for one image."""
        return macs(self._nodes, self.input_shape)

    def stored_bytes(self) -> int:
        return sum(array.nbytes for array in self.state_dict().values())

    def describe(self) -> str:
        return f"int8: {ConvNet(self.input_shape, self._nodes, self.classes).describe()}"


def _stored(name: str, weights: dict[str, np.ndarray]) -> Int8Weights:
    weight = weights[f"{name}.w"]
    return Int8Weights(weight, weights.get(f"{name}.b", np.zeros(len(weight), np.float32)))


def _arrays(name: str) -> list[str]:
    """The names in a state, filters first, of a layer's arrays."""
    return [f"{name}.{part}" for part in Int8Weights._buffer_names]


def _filters(array: Any, inputs: int) -> np.ndarray:
    """An array of a state as filters for so many channels; ValueError if it is none."""
    found = np.asarray(array)
    if found.ndim != 4 or found.shape[1] != inputs:
        raise ValueError(f"an array of shape {found.shape} is no filters for {inputs} channels")
    return found


def network_of(**sizes: Any) -> Network:
    """A network of nodes of either kind: with `ranges` it is an int8 one."""
    return Int8ConvNet(**sizes) if "ranges" in sizes else ConvNet(**sizes)
