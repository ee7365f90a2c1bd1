"""Inference layers that store only the weights that pruning kept, and `to_sparse`.

Bytes per weight kept: CSR takes the value and 1, 2 or 4 bytes of column; blocks (BSR) the values of
16-output blocks and one index each; N:M a few bits of position. Values are float32, or int8 with
one scale per output. On a CPU unstructured sparsity saves memory first; it saves time only above
roughly 90 % zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import _core
from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ._stored import StoredConv2d, StoredLayer, StoredLinear, array_of, replace_layers
from .quantized import Conv2dInt8, LinearInt8, convert

_sparse = _core.sparse


class _Sparse(StoredLayer):
    @property
    def nonzeros(self) -> int:
        """Weights that are stored and not zero."""
        return int(self._native.nonzeros)

    @property
    def is_int8(self) -> bool:
        return bool(self._native.is_int8)

    def count_parameters(self) -> int:
        return self.nonzeros + self._bias_size()

    def _kind(self) -> str:
        return "int8" if self.is_int8 else "float32"


class _SparseLinear(_Sparse, StoredLinear):
    @property
    def sparsity(self) -> float:
        total = self.in_features * self.out_features
        return 1.0 - self.nonzeros / total if total else 0.0

    @property
    def weight(self) -> Tensor:
        """The weights as a dense float32 (in, out); made anew at each use."""
        return Tensor(self._native.to_dense().T)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(in_features={self.in_features}, "
            f"out_features={self.out_features}, bias={self._native.bias is not None}, "
            f"values={self._kind()}, sparsity={self.sparsity:.3f})"
        )


class LinearCsr(_SparseLinear):
    """y = x W + b over compressed sparse rows."""

    _native_class = _sparse.LinearCsr
    _buffer_names = (
        "shape", "row_pointers", "columns", "values", "scales", "bias", "input_scale",
    )  # fmt: skip
    _marks = frozenset({"row_pointers", "shape"})

    def __init__(self, linear: Linear | LinearInt8) -> None:
        weight, options = _linear_parts(linear)
        super().__init__(_sparse.LinearCsr(weight, **options))


class LinearNm(_SparseLinear):
    """y = x W + b with at most n weights among every m consecutive inputs."""

    _native_class = _sparse.LinearNm
    _buffer_names = ("pattern", "values", "positions", "scales", "bias", "input_scale")
    _marks = frozenset({"pattern", "positions"})

    def __init__(self, linear: Linear | LinearInt8, n: int = 2, m: int = 4) -> None:
        weight, options = _linear_parts(linear)
        super().__init__(_sparse.LinearNm(weight, n, m, **options))


class LinearBsr(_SparseLinear):
    """y = x W + b over blocks of `depth` (1 or 4) inputs by 16 outputs."""

    _native_class = _sparse.LinearBsr
    _buffer_names = ("shape", "band_pointers", "blocks", "values", "scales", "bias", "input_scale")
    _marks = frozenset({"band_pointers", "blocks"})

    def __init__(self, linear: Linear | LinearInt8, depth: int = 4) -> None:
        weight, options = _linear_parts(linear)
        super().__init__(_sparse.LinearBsr(weight, depth, **options))

    @property
    def nonzeros(self) -> int:
        return int(np.count_nonzero(self.values))


class Conv2dCsr(_Sparse, StoredConv2d):
    """Convolution over compressed sparse kernels."""

    _native_class = _sparse.Conv2dCsr
    _buffer_names = (
        "shape", "geometry", "row_pointers", "columns", "values", "scales", "bias", "input_scale",
    )  # fmt: skip
    _marks = frozenset({"row_pointers", "geometry"})

    def __init__(self, conv: Conv2d | Conv2dInt8) -> None:
        if isinstance(conv, Conv2dInt8):
            native = _sparse.Conv2dCsr(
                conv.q_weight,
                conv.bias,
                conv.scales,
                stride=conv.stride,
                padding=conv.padding,
                dilation=tuple(int(d) for d in conv.geometry[4:6]),
                groups=int(conv.geometry[6]),
                input_scale=conv._native.input_scale,
            )
        else:
            native = _sparse.Conv2dCsr(
                array_of(conv.weight),
                array_of(conv.bias),
                stride=conv.stride,
                padding=conv.padding,
            )
        super().__init__(native)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        out, depth, height, width = self._native.weight_shape
        return int(out), int(depth), int(height), int(width)

    @property
    def out_channels(self) -> int:
        return self.weight_shape[0]

    @property
    def in_channels(self) -> int:
        return self.weight_shape[1] * int(self.geometry[6])

    @property
    def kernel_size(self) -> tuple[int, int]:
        return self.weight_shape[2:]

    @property
    def sparsity(self) -> float:
        total = int(np.prod(self.weight_shape))
        return 1.0 - self.nonzeros / total if total else 0.0

    @property
    def weight(self) -> Tensor:
        """The weights as a dense float32 (out, in, kh, kw); made anew at each use."""
        return Tensor(self._native.to_dense().reshape(self.weight_shape))

    def __repr__(self) -> str:
        return (
            f"Conv2dCsr({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, bias={self._native.bias is not None}, "
            f"values={self._kind()}, sparsity={self.sparsity:.3f})"
        )


def _linear_parts(linear: Linear | LinearInt8) -> tuple[np.ndarray, dict[str, Any]]:
    if isinstance(linear, LinearInt8):
        return linear.q_weight, {
            "bias": linear.bias,
            "scales": linear.scales,
            "input_scale": linear._native.input_scale,
        }
    weight = np.ascontiguousarray(array_of(linear.weight).T)
    return weight, {"bias": array_of(linear.bias)}


def to_sparse(
    model: Any, threshold: float = 0.5, *, format: str = "csr", int8: bool = False
) -> Any:
    """A copy of `model` in which layers with at least `threshold` zeros store only the rest.

    format: "csr"; "bsr" (4 x 16 blocks); "nm" (2:4, for weights pruned so); or "auto", which takes
    the smallest of them and leaves a layer dense where none is smaller. Convolutions are stored as
    CSR. int8: also quantize all Linear and Conv2d layers, sparse or not; a model that `convert`
    made keeps its scales.

    ValueError for a format that is not known, or weights that do not have the 2:4 pattern.
    """
    if format not in _CANDIDATES:
        raise ValueError(f"unknown format {format!r}; use one of {', '.join(_CANDIDATES)}")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold must lie in [0, 1], got {threshold}")
    if int8:
        model = convert(model)

    def replacement(path: str, layer: Any) -> Any:
        if isinstance(layer, (Linear, LinearInt8)):
            weight = layer.q_weight if isinstance(layer, LinearInt8) else array_of(layer.weight)
            if _zeros(weight) >= threshold:
                return _CANDIDATES[format](layer)
        elif isinstance(layer, (Conv2d, Conv2dInt8)):
            weight = layer.q_weight if isinstance(layer, Conv2dInt8) else array_of(layer.weight)
            if _zeros(weight) >= threshold:
                return _smaller(layer, [Conv2dCsr]) if format == "auto" else Conv2dCsr(layer)
        return None

    return replace_layers(model, replacement)


def _zeros(weight: np.ndarray) -> float:
    return 1.0 - np.count_nonzero(weight) / weight.size if weight.size else 0.0


def _smaller(layer: Any, kinds: list[Callable[[Any], Any]]) -> Any:
    """The smallest of the kinds that can hold the layer, or None where the layer itself is."""
    best, best_bytes = None, _bytes(layer)
    for kind in kinds:
        try:
            made = kind(layer)
        except ValueError:  # the weights do not have the N:M pattern
            continue
        if made.stored_bytes() < best_bytes:
            best, best_bytes = made, made.stored_bytes()
    return best


def _bytes(layer: Any) -> int:
    if isinstance(layer, StoredLayer):
        return layer.stored_bytes()
    return 4 * sum(int(p.size) for p in layer.parameters())


def _smallest_linear(layer: Any) -> Any:
    return _smaller(layer, [LinearCsr, LinearNm, LinearBsr, partial(LinearBsr, depth=1)])


_CANDIDATES: dict[str, Callable[[Any], Any]] = {
    "csr": LinearCsr,
    "bsr": LinearBsr,
    "nm": LinearNm,
    "auto": _smallest_linear,
}

__all__ = ["Conv2dCsr", "LinearBsr", "LinearCsr", "LinearNm", "to_sparse"]
