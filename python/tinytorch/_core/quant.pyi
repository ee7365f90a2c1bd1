# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from typing_extensions import Self

__all__: list[str] = [
    "Conv2dInt8",
    "LinearInt8",
    "Observer",
    "choose_affine",
    "dequantize_affine",
    "dequantize_per_channel",
    "quantize_affine",
    "quantize_per_channel",
    "value_range",
]

class Observer:
    """Watches calibration batches and chooses a symmetric range."""

    def __init__(self, method: str = "minmax", percentile: float = 99.99) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def observe(self, x: ArrayLike) -> None: ...
    def scale(self) -> float: ...
    def threshold(self) -> float: ...
    @property
    def count(self) -> int: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...

class LinearInt8:
    """y = x W^T + b, computed in int8. Immutable."""

    @staticmethod
    def from_float(
        weight: ArrayLike, bias: ArrayLike | None = None, input_scale: float = 0.0
    ) -> LinearInt8:
        """Quantize a float weight (out, in)."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> LinearInt8: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        scales: ArrayLike,
        bias: ArrayLike | None = None,
        input_scale: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""

    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def in_features(self) -> int: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def out_features(self) -> int: ...
    @property
    def scales(self) -> np.ndarray: ...
    @property
    def weight(self) -> np.ndarray:
        """int8 (out, in)."""

class Conv2dInt8:
    """2-D convolution computed in int8. Immutable."""

    @staticmethod
    def from_float(
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        input_scale: float = 0.0,
    ) -> Conv2dInt8:
        """Quantize a float weight (out, in / groups, kh, kw)."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> Conv2dInt8: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        scales: ArrayLike,
        bias: ArrayLike | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        input_scale: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""

    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def scales(self) -> np.ndarray: ...
    @property
    def weight(self) -> np.ndarray:
        """int8 (out, in / groups, kh, kw)."""

def choose_affine(low: float, high: float) -> tuple[float, int]:
    """(scale, zero_point) of affine int8 for values in [low, high], widened to include 0."""

def dequantize_affine(q: ArrayLike, scale: float, zero_point: int) -> np.ndarray:
    """(q - zero_point) * scale."""

def dequantize_per_channel(q: ArrayLike, scales: ArrayLike) -> np.ndarray: ...
def quantize_affine(x: ArrayLike, scale: float, zero_point: int) -> np.ndarray:
    """int8: clip(round(x / scale + zero_point), -128, 127)."""

def quantize_per_channel(w: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(int8, scales): symmetric, one scale per slice of the first axis."""

def value_range(x: ArrayLike) -> tuple[float, float]:
    """(smallest, largest) element; ValueError on NaN, infinity or nothing."""
