"""int8 inference layers, and `convert`, which puts them into a copy of a model.

Weights are symmetric int8 with one scale per output channel; activations are quantized on the way
in, by the largest magnitude of each row (Linear) or image (Conv2d), or by a calibrated scale. Sums
are exact integers, so results are bit-equal on every instruction set and for any thread count
(Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"). Results are not tracked by autograd.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from .. import _core
from ..core._module import named_modules_of
from ..core.autograd import no_grad
from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ._stored import (
    StoredConv2d,
    StoredLayer,
    StoredLinear,
    array_of,
    count_parameters,
    patched_forward,
    plain,
    replace_layers,
    stored_bytes,
    weighted_layers,
)

_quant = _core.quant


class LinearInt8(StoredLinear):
    """y = x W + b in int8; `q_weight` is (out, in), `scales` (out,).

    `input_scale` 0 measures each row; a positive one (from calibration) is used for all rows, and
    larger values saturate.
    """

    _native_class = _quant.LinearInt8
    _buffer_names = ("q_weight", "scales", "bias", "input_scale")
    _marks = frozenset({"q_weight"})

    def __init__(self, linear: Linear, input_scale: float = 0.0) -> None:
        weight = np.ascontiguousarray(array_of(linear.weight).T)
        super().__init__(_quant.LinearInt8.from_float(weight, array_of(linear.bias), input_scale))

    @property
    def weight(self) -> Tensor:
        """The weights as float32, (in, out); made anew at each use."""
        return Tensor(_quant.dequantize_per_channel(self.q_weight, self.scales).T)

    def count_parameters(self) -> int:
        return self.in_features * self.out_features + self._bias_size()

    def __repr__(self) -> str:
        return (
            f"LinearInt8(in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, activations={_activations(self)})"
        )


class Conv2dInt8(StoredConv2d):
    """Convolution in int8; `q_weight` is (out, in, kernel height, kernel width)."""

    _native_class = _quant.Conv2dInt8
    _buffer_names = ("q_weight", "scales", "geometry", "bias", "input_scale")
    _marks = frozenset({"q_weight"})

    def __init__(self, conv: Conv2d, input_scale: float = 0.0) -> None:
        super().__init__(
            _quant.Conv2dInt8.from_float(
                array_of(conv.weight),
                array_of(conv.bias),
                conv.stride,
                conv.padding,
                input_scale=input_scale,
            )
        )

    @property
    def out_channels(self) -> int:
        return int(self.scales.shape[0])

    @property
    def in_channels(self) -> int:
        return int(self.q_weight.shape[1] * self.geometry[6])

    @property
    def kernel_size(self) -> tuple[int, int]:
        height, width = self.q_weight.shape[2:]
        return int(height), int(width)

    @property
    def weight(self) -> Tensor:
        """The weights as float32; made anew at each use."""
        return Tensor(_quant.dequantize_per_channel(self.q_weight, self.scales))

    def count_parameters(self) -> int:
        return int(self.q_weight.size) + self._bias_size()

    def __repr__(self) -> str:
        return (
            f"Conv2dInt8({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, bias={self.bias is not None}, "
            f"activations={_activations(self)})"
        )


def _activations(layer: StoredLayer) -> str:
    scale = layer._native.input_scale
    return f"static({scale:.4g})" if scale > 0 else "dynamic"


def convert(
    model: Any,
    calibration: Iterable[Any] | None = None,
    *,
    method: str = "minmax",
    percentile: float = 99.99,
    skip: Collection[str] = (),
) -> Any:
    """A copy of `model` whose Linear and Conv2d layers compute in int8.

    calibration: batches of inputs for `model.forward`. With them, each layer's activation scale is
    fixed by what the batches show (`method`: "minmax", "percentile" with `percentile`, or "mse");
    without, it is measured for each row or image. skip: paths of layers that stay float32, such as
    "fc2" or "layers.4".

    ValueError for a model without such layers, a path that names none, or a calibration that never
    reached a layer.
    """
    known = dict(weighted_layers(model))
    if not known and not any(isinstance(m, StoredLayer) for _, m in named_modules_of(model)):
        raise ValueError(f"{type(model).__name__} has no Linear or Conv2d layers to convert")
    unknown = sorted(set(skip) - set(known))
    if unknown:
        raise ValueError(f"skip names no Linear or Conv2d: {unknown}; the model has {list(known)}")
    scales: dict[str, float] = {}
    if calibration is not None:
        wanted = {path: layer for path, layer in known.items() if path not in skip}
        scales = activation_scales(model, wanted, calibration, method, percentile)

    def replacement(path: str, layer: Any) -> Any:
        if path in skip:
            return None
        if plain(layer, Linear):
            return LinearInt8(layer, scales.get(path, 0.0))
        if plain(layer, Conv2d):
            return Conv2dInt8(layer, scales.get(path, 0.0))
        return None

    return replace_layers(model, replacement)


def activation_scales(
    model: Any,
    layers: Mapping[str, Any],
    batches: Iterable[Any],
    method: str = "minmax",
    percentile: float = 99.99,
) -> dict[str, float]:
    """The int8 scale of each layer's input over the batches, by path."""
    observers = {path: _quant.Observer(method, percentile) for path in layers}
    watchers = [
        (layer, _observed(layer.forward, observers[path])) for path, layer in layers.items()
    ]
    with patched_forward(watchers), no_grad():
        for batch in batches:
            model.forward(batch if isinstance(batch, Tensor) else Tensor(batch))
    unseen = [path for path, observer in observers.items() if observer.count == 0]
    if unseen:
        raise ValueError(
            f"calibration never reached {unseen}; pass batches that run the whole model"
        )
    return {path: observer.scale() for path, observer in observers.items()}


def _observed(forward: Any, observer: Any) -> Any:
    def watching(x: Any) -> Any:
        observer.observe(x)
        return forward(x)

    return watching


def load_stored(model: Any, state: Mapping[str, Any]) -> Any:
    """A copy of float `model` with the layers and parameters of `state`, the `state_dict()` of a
    model of the same build that was converted or made sparse.

    A layer's kind is seen from its arrays. KeyError or ValueError where they do not fit.
    """
    from .sparse import Conv2dCsr, LinearBsr, LinearCsr, LinearNm

    linear = (LinearInt8, LinearCsr, LinearNm, LinearBsr)
    conv = (Conv2dInt8, Conv2dCsr)

    def replacement(path: str, layer: Any) -> Any:
        kinds = linear if isinstance(layer, Linear) else conv if isinstance(layer, Conv2d) else ()
        prefix = f"{path}." if path else ""
        own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        for kind in kinds:
            if kind._marks <= set(own):
                return _fitting(path, kind.from_state(own), layer)
        return None

    new = replace_layers(model, replacement)
    new.load_state_dict(state)
    return new


def _fitting(path: str, stored: Any, layer: Any) -> Any:
    names = ["in_channels", "out_channels", "kernel_size"]
    if isinstance(layer, Linear):
        names = ["in_features", "out_features"]
    for name in names:
        found, wanted = getattr(stored, name), getattr(layer, name)
        if found != wanted:
            raise ValueError(f"{path}: the state has {name}={found}, the model {wanted}")
    return stored


__all__ = [
    "Conv2dInt8",
    "LinearInt8",
    "activation_scales",
    "convert",
    "count_parameters",
    "load_stored",
    "stored_bytes",
]
