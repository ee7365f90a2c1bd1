"""Networks of nodes with int8 weights, for inference: a trained one made a quarter of its size.

    small = Int8ConvNet.of(network, images)      # uint8 images to calibrate by
    save_model("swiftcnn-int8", small, "swiftcnn")

Weights are symmetric int8 with a scale per output, the norms being folded into them; activations
are bytes that cover a range per value, which calibration images show (Jacob et al. 2018,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core._batch_norm import BatchNorm2d
from ..core._module import Layer
from ..core.tensor import Tensor
from ..runtime import CnnSession
from .convnet import ConvNet, normalized_bytes
from .networks import Network
from .nodes import Node, listed, macs

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

    ranges: smallest and largest number of each value of the session's plan.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 32, 32),
        nodes: Sequence[Sequence[Any]] = (),
        classes: int = 10,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        ranges: Sequence[Sequence[float]] = (),
    ) -> None:
        plain = ConvNet(input_shape, nodes, classes, mean, std)
        if any(isinstance(layer, BatchNorm2d) for _, layer in plain.named_layers()):
            raise ValueError("an int8 network has its norms in its weights: no 'bn' nodes")
        self.mean, self.std = plain.mean, plain.std
        self._nodes, weights = plain.session_parts()
        super().__init__(input_shape, [(n, _stored(n, weights)) for n, _ in plain.named_layers()])
        self.classes = classes
        self.ranges = [(float(low), float(high)) for low, high in ranges]
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

    def load_state_dict(self, state: Any, strict: bool = True) -> None:
        super().load_state_dict(state, strict)
        self._session = None

    def sizes(self) -> dict[str, Any]:
        return {
            "input_shape": list(self.input_shape),
            "nodes": [listed(node) for node in self._nodes],
            "classes": self.classes,
            "mean": [float(m) for m in self.mean],
            "std": [float(s) for s in self.std],
            "ranges": [list(pair) for pair in self.ranges],
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


def network_of(**sizes: Any) -> Network:
    """A network of nodes of either kind: with `ranges` it is an int8 one."""
    return Int8ConvNet(**sizes) if "ranges" in sizes else ConvNet(**sizes)
