"""Training that sees int8's rounding (Jacob et al. 2018, section 3).

Forward passes compute with weights and activations rounded as int8 inference rounds them; gradients
pass the rounding unchanged (Bengio et al. 2013, the straight-through estimator).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from ..core.layers import Linear
from ..core.tensor import Tensor
from ..models.convnet import ConvNet
from ..models.nodes import Node

_ops = _core.ops


class QuantAwareNet(ConvNet):
    """A network with folded norms, and the same weights; in evaluation mode it computes plainly."""

    @classmethod
    def of(cls, network: ConvNet) -> QuantAwareNet:
        plain = network.folded()
        made = cls(**plain.sizes())
        made.load_state_dict(plain.state_dict())
        return made

    def plain(self) -> ConvNet:
        made = ConvNet(**self.sizes())
        made.load_state_dict(self.state_dict())
        made.eval()
        return made

    def scores(self, normalized: Any) -> Any:
        return super().scores(activation_rounded(normalized) if self.training else normalized)

    def _run(self, nodes: Sequence[Node], x: Any) -> Any:
        if not self.training:
            return super()._run(nodes, x)
        # Values are rounded where inference stores them: after what is joined to a convolution.
        parts: list[Node] = []
        for node, following in zip(nodes, [*nodes[1:], ("end",)], strict=True):
            parts.append(node)
            stored = node[0] in ("conv", "relu", "add", "whiten") and following[0] not in (
                "relu",
                "add",
                "maxpool",
                "proj",
            )
            if stored or (node[0] == "maxpool" and following[0] != "relu"):
                parts.append(("round",))
        return super()._run(parts, x)

    def _special(self, node: Node, x: Any) -> Any:
        return activation_rounded(x)

    def _forward_layer(self, name: str, x: Any) -> Any:
        layer = getattr(self, name)
        if not self.training or isinstance(layer, Linear):  # which inference computes in floats
            return layer.forward(x)
        kept = layer.weight
        layer.weight = weight_rounded(kept)
        try:
            return layer.forward(x)
        finally:
            layer.weight = kept


def weight_rounded(weight: Tensor) -> Tensor:
    """Symmetric, 127 steps either side, a scale per output."""
    values = np.asarray(weight.data)
    most = np.abs(values).reshape(len(values), -1).max(axis=1)
    scale = np.where(most > 0, most / 127, 1).astype(np.float32).reshape(-1, 1, 1, 1)
    return _ops.add(weight, Tensor(np.rint(values / scale) * scale - values))


def activation_rounded(x: Tensor) -> Tensor:
    """255 steps over the range of the batch, 0 being one of them."""
    x = _ops.astype(x, "float32")  # bfloat16 would round what int8 tells apart
    values = np.asarray(x.data)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if high == low:
        return x
    scale = np.float32((high - low) / 255)
    zero = np.float32(np.rint(-low / scale))
    codes = values / scale
    np.rint(codes, out=codes)
    np.clip(codes, -zero, 255 - zero, out=codes)
    codes *= scale
    codes -= values
    return _ops.add(x, Tensor(codes))
