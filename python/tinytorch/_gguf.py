"""GGUF files (ggml's format): metadata, and tensors as float32."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core


class GgufFile(Mapping[str, npt.NDArray[np.float32]]):
    """name -> float32 array, read from the file when it is asked for, anew each time.

    Attributes:
        version: 2 or 3.
        metadata: by key: int, float, bool, str, ndarray, or a list (of str, or of such values).
        formats: by tensor: "F32", "F16", "BF16", "Q8_0", "Q4_0" or "Q6_K". Numbers of quantized
            ones are what ggml takes them for: scale times integer, in float32.
        shapes: by tensor, rows first as in NumPy (the reverse of the file's order).

    Raises:
        ValueError: a file that is not sound, or holds a format that is not listed above; the
            message names the place and the rule.
        OSError: it cannot be read (FileNotFoundError...).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._native = _core.io.GgufFile(os.fsencode(path))
        self.path = os.fspath(path)
        self.version: int = self._native.version
        self.metadata: dict[str, Any] = self._native.metadata()
        tensors = self._native.tensors()
        self.formats: dict[str, str] = {name: kind for name, kind, _ in tensors}
        self.shapes: dict[str, tuple[int, ...]] = {name: shape for name, _, shape in tensors}
        self._places = {name: i for i, name in enumerate(self.formats)}

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        return self._native.read(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        return f"GgufFile({self.path!r}, {len(self)} tensors, {len(self.metadata)} keys)"


def load_gguf(path: str | os.PathLike[str]) -> GgufFile:
    """Open a GGUF file, of version 2 or 3, little-endian.

    Reads and checks everything but the tensors; those are read one by one as they are used.
    See `GgufFile` for what it holds and for the errors.
    """
    return GgufFile(path)
