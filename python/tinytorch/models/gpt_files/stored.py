"""Matrices in fewer bits, in our own files: half precision, or int8 with a scale per row.

What an int8 session makes of the floats that such a file gives are the codes that the file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ... import _core
from .arrays import FloatArray, FloatTensors

PRECISIONS = ("f32", "f16", "int8")
SCALE = ".scale"


def stored_form(arrays: Mapping[str, np.ndarray], precision: str) -> dict[str, np.ndarray]:
    """The arrays as a file holds them; ValueError for another precision, and for values that are
    not finite where they are rounded."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "f32":
        return dict(arrays)
    stored: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim != 2:
            stored[name] = array
            continue
        if not np.isfinite(array).all():
            raise ValueError(f"{name!r} has values that are not finite: they have no {precision}")
        if precision == "f16":
            stored[name] = _half(name, array)
        else:
            stored[name], stored[name + SCALE] = _core.quant.quantize_per_channel(array)
    return stored


def _half(name: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"{name!r} has values above 65504: they have no f16")
    return half


class StoredTensors(Mapping[str, FloatArray]):
    """A file's tensors as float32, those with a scale multiplied by it."""

    def __init__(self, file: FloatTensors) -> None:
        self._file = file
        self._scaled = {n.removesuffix(SCALE) for n in file if n.endswith(SCALE)}

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._scaled:
            return self._file[name]
        codes, scale = self._file.codes(name), self._file[name + SCALE]
        if scale.shape != codes.shape[:1] or not np.isfinite(scale).all() or (scale <= 0).any():
            raise ValueError(f"{name + SCALE!r} must have a scale above 0 for each row of {name!r}")
        return codes * scale[:, None]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._file if not name.endswith(SCALE))

    def __len__(self) -> int:
        return len(self._file) - len(self._scaled)
