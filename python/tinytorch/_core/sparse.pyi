# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from typing_extensions import Self

__all__: list[str] = [
    "Conv2dCsr",
    "LinearBsr",
    "LinearCsr",
    "LinearNm",
    "apply_mask",
    "block_mask",
    "magnitude_mask",
    "magnitude_masks",
    "magnitude_quantile",
    "nm_mask",
    "sparsity_of",
    "strongest_slices",
]

class LinearCsr:
    """y = x W^T + b over compressed sparse rows. Immutable."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> LinearCsr: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        input_scale: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""

    def to_dense(self) -> np.ndarray:
        """float32 (out, in)."""

    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def in_features(self) -> int: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def is_int8(self) -> bool: ...
    @property
    def nonzeros(self) -> int: ...
    @property
    def out_features(self) -> int: ...

class LinearNm:
    """y = x W^T + b with N:M sparse weights. Immutable."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> LinearNm: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        n: int = 2,
        m: int = 4,
        bias: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        input_scale: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""

    def to_dense(self) -> np.ndarray:
        """float32 (out, in)."""

    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def in_features(self) -> int: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def is_int8(self) -> bool: ...
    @property
    def nonzeros(self) -> int: ...
    @property
    def out_features(self) -> int: ...

class LinearBsr:
    """y = x W^T + b over blocks of `depth` inputs by 16 outputs. Immutable."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> LinearBsr: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        depth: int = 4,
        bias: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        input_scale: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def forward(self, x: ArrayLike) -> Any: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def stored_bytes(self) -> int:
        """Bytes of the layer's arrays in a file."""

    def to_dense(self) -> np.ndarray: ...
    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def blocks(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def in_features(self) -> int: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def is_int8(self) -> bool: ...
    @property
    def out_features(self) -> int: ...

class Conv2dCsr:
    """2-D convolution over compressed sparse kernels. Immutable."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> Conv2dCsr: ...
    def __call__(self, x: ArrayLike) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        scales: ArrayLike | None = None,
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

    def to_dense(self) -> np.ndarray:
        """float32 (out, in)."""

    @property
    def bias(self) -> np.ndarray | None: ...
    @property
    def input_scale(self) -> float:
        """Static activation scale, or 0 where each row or image is measured."""

    @property
    def is_int8(self) -> bool: ...
    @property
    def nonzeros(self) -> int: ...
    @property
    def weight_shape(self) -> tuple[int, int, int, int]: ...

def apply_mask(w: ArrayLike, mask: ArrayLike) -> np.ndarray: ...
def block_mask(w: ArrayLike, sparsity: float, block_rows: int, block_columns: int) -> np.ndarray:
    """Removes whole blocks of a matrix, those with the smallest norms."""

def magnitude_mask(w: ArrayLike, sparsity: float) -> np.ndarray:
    """bool mask without the round(sparsity * size) smallest magnitudes."""

def magnitude_masks(weights: Sequence[Any], sparsity: float) -> list[np.ndarray]:
    """As magnitude_mask, over all tensors together."""

def magnitude_quantile(w: ArrayLike, q: float) -> float:
    """The q-quantile of |w|, interpolated linearly; NaN where w holds one."""

def nm_mask(w: ArrayLike, n: int, m: int, axis: int = -1) -> np.ndarray:
    """Keeps the n largest magnitudes of every m consecutive weights along an axis."""

def sparsity_of(w: ArrayLike) -> float:
    """Fraction of elements that are zero."""

def strongest_slices(w: ArrayLike, axis: int, keep: int, p: int = 2) -> list[int]:
    """Rising indices of the `keep` slices along an axis with the largest L1 or L2 norms."""
