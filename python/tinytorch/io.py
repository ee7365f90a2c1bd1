"""Files: tensors as safetensors, plain values as JSON. Both are replaced atomically. GGUF is read.

A reader, or a crash at any moment, finds the old file or the new one, whole. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch import _core

from ._gguf import GgufFile, load_gguf

__all__ = [
    "GgufFile",
    "TensorDict",
    "load_gguf",
    "load_json",
    "load_safetensors",
    "save_json",
    "save_safetensors",
]

PathLike = str | os.PathLike[str]
MAX_JSON_BYTES = 256 << 20


class TensorDict(dict[str, np.ndarray]):
    """name -> ndarray, as read from a safetensors file.

    `metadata` is the file's text, name -> text. `dtypes` names the stored element type of each
    tensor; it differs from `array.dtype` for one type alone: NumPy has no bfloat16, so such a
    tensor is an array of its bits, `uint16`, with `dtypes[name] == "bfloat16"`. As float32 it is
    `(bits.astype(np.uint32) << 16).view(np.float32)`.
    """

    def __init__(
        self,
        tensors: Mapping[str, np.ndarray] | None = None,
        metadata: Mapping[str, str] | None = None,
        dtypes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(tensors or {})
        self.metadata: dict[str, str] = dict(metadata or {})
        self.dtypes: dict[str, str] = dict(dtypes or {})


def load_safetensors(path: PathLike, *, copy: bool = False) -> TensorDict:
    """Read a safetensors file.

    Without `copy` the arrays view the mapped file: nothing is read before it is used, they cannot
    be written to, and they stay valid when the file is replaced or removed (but not when a program
    shortens it in place). With `copy` they are ordinary arrays.

    Element types: float64, float32, float16, bfloat16, int64, int32, int8, uint8, bool.
    Raises ValueError, naming the tensor and the rule, for a file that is not sound; OSError
    (FileNotFoundError...) where it cannot be read.
    """
    return TensorDict(*_core.io.load_safetensors(os.fsencode(path), copy))


def save_safetensors(
    path: PathLike,
    tensors: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    *,
    dtypes: Mapping[str, str] | None = None,
) -> None:
    """Write tensors (ndarrays, or objects with `numpy()` such as Tensor) to a safetensors file.

    `metadata` is text by name. `dtypes` may declare `{"name": "bfloat16"}` for a uint16 array of
    bits. Both default to what a `TensorDict` brings along. Raises TypeError for an element type
    that the format lacks, ValueError for an unusable name, OSError where writing fails; in each
    case the file at `path` stays as it was.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, value in tensors.items():
        array = value.numpy() if callable(getattr(value, "numpy", None)) else value
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"tensor {name!r} is a {type(value).__name__}; give an ndarray or a Tensor"
            )
        arrays[_text(name)] = array
    if metadata is None:
        metadata = getattr(tensors, "metadata", {})
    if dtypes is None:
        dtypes = getattr(tensors, "dtypes", {})
    text = {_text(key): _text(value) for key, value in metadata.items()}
    _core.io.save_safetensors(os.fsencode(path), arrays, text, dict(dtypes))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        kind = type(value).__name__
        raise TypeError(f"tensor names and metadata are str, got {kind} {value!r}; use str()")
    value.encode("utf-8")  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
    return value


def save_json(path: PathLike, value: Any, *, indent: int | None = 2) -> None:
    """Write `value` as JSON (UTF-8, keys in their order). ValueError for NaN and infinity, which
    JSON lacks; TypeError for what is not a dict, list, str, number, bool or None."""
    text = json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    _core.io.write_file_atomic(os.fsencode(path), text.encode("utf-8"))


def load_json(path: PathLike, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read JSON strictly: no NaN or infinity, no duplicate keys, at most `max_bytes`.

    Raises ValueError that names the file and the place; OSError where it cannot be read.
    """
    with Path(path).open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"{os.fspath(path)!r} is larger than {max_bytes} bytes")
    return parse_json(data, what=repr(os.fspath(path)))


def parse_json(data: bytes, *, what: str = "JSON text") -> Any:
    """The value in `data`, read as by `load_json`; `what` names it in messages."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ValueError(f"{what} is not sound JSON: {error}") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"duplicate key {twice!r}")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
