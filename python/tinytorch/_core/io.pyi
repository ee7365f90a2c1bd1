# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Mapping
from typing import Any

import numpy as np
from typing_extensions import Buffer

__all__: list[str] = ["GgufFile", "load_safetensors", "save_safetensors", "write_file_atomic"]

class GgufFile:
    """A GGUF file; its tensors are read when asked for."""

    def __init__(self, path: str | bytes) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def metadata(self) -> dict[str, Any]:
        """key -> value: numbers, texts, ndarrays, lists of texts or lists."""

    def read(self, index: int) -> np.ndarray:
        """The tensor with this place in tensors(), float32."""

    def tensors(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """(name, format, shape) of each, in the order of the file."""

    @property
    def version(self) -> int: ...

def load_safetensors(
    path: str | bytes, copy: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """(name -> ndarray, metadata, name -> dtype name). Arrays view the mapped file, read-
    only, unless `copy`. bfloat16 comes as uint16 bits.
    """

def save_safetensors(
    path: str | bytes,
    tensors: dict[str, Any],
    metadata: Mapping[str, str] = {},
    dtypes: dict[str, Any] = {},
) -> None:
    """Replaces `path` atomically. `dtypes` marks uint16 arrays that hold bfloat16."""

def write_file_atomic(path: str | bytes, data: Buffer) -> None:
    """Replaces `path` with the bytes of `data`: readers see the old file or the new one."""
