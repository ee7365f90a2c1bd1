"""Arrays of a file, taken one by one; what nobody takes is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...io import TensorDict

FloatArray = npt.NDArray[np.float32]


class FloatTensors(Mapping[str, FloatArray]):
    """Tensors of safetensors files as float32, converted when they are asked for."""

    def __init__(self, files: list[TensorDict]) -> None:
        self._tensors = {name: (array, f) for f in files for name, array in f.items()}

    def __getitem__(self, name: str) -> FloatArray:
        array, file = self._tensors[name]
        kind = file.dtypes[name]
        if kind == "bfloat16":
            bits = np.left_shift(array, 16, dtype=np.uint32)
            return bits.view(np.float32)
        if not kind.startswith("float"):
            raise ValueError(f"tensor {name!r} has element type {kind}; weights are floats")
        with np.errstate(over="ignore"):  # infinity then, which the session refuses
            return array.astype(np.float32, copy=False)

    def codes(self, name: str) -> np.ndarray:
        """A matrix of int8 codes; ValueError for another type, or nothing of this name."""
        array, file = self._tensors.get(name, (np.zeros(0), None))
        if file is None or file.dtypes[name] != "int8" or array.ndim != 2:
            raise ValueError(f"tensor {name!r} has a scale, and must be a matrix of int8")
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


class Arrays:
    """What a file holds, by name. `what` begins every message.

    Args:
        prefix: begins the names of some writers, and is left away.
        ignored: names that this pattern matches in full are no weights.
    """

    def __init__(
        self, source: Mapping[str, Any], what: str, *, prefix: str = "", ignored: str = r"(?!)"
    ) -> None:
        self.what = what
        self._source = source
        self._names: dict[str, str] = {}
        for name in source:
            short = name.removeprefix(prefix)
            if re.fullmatch(ignored, short):
                continue
            if short in self._names:
                raise ValueError(f"{what}: both {short!r} and {prefix + short!r} are there")
            self._names[short] = name

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def take(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        if name not in self._names:
            raise ValueError(f"{self.what}: the tensor {name!r}, of shape {shape}, is missing")
        try:
            array = self._source[self._names.pop(name)]
        except ValueError as error:
            raise ValueError(f"{self.what}: {error}") from None
        if array.shape != shape:
            raise ValueError(
                f"{self.what}: the tensor {name!r} must have shape {shape} by the config, "
                f"got {array.shape}"
            )
        return array

    def drop(self, name: str) -> None:
        self._names.pop(name, None)

    def finish(self) -> None:
        """Refuse tensors that nobody took: the model has parts that would not be computed."""
        if self._names:
            names = ", ".join(map(repr, list(self._names)[:3]))
            more = f" and {len(self._names) - 3} more" if len(self._names) > 3 else ""
            raise ValueError(f"{self.what}: tensors without a place in such a model: {names}{more}")
