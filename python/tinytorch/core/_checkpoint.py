"""One-file checkpoints: nested dicts, lists, numbers, text and arrays.

A file is a pickle of such plain data, the course's format, read without running it; or, where its
name ends in ".safetensors", safetensors. Their metadata entry "checkpoint" holds the structure as
JSON, in which

    {"$array": name}            stands for the tensor of that name
    {"$dict": [[key, value]]}   for a dict whose keys are not all plain strings
    {"$float": "nan"}           for a number that JSON lacks
"""

from __future__ import annotations

import json
import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core

_KEY = "checkpoint"
_PROTOCOL = 4  # the newest that every Python of the course reads


def write(path: Any, state: Any) -> None:
    """Write `state` so that a crash leaves the old file or the new one; makes missing folders."""
    from ..io import save_safetensors

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if Path(path).suffix != ".safetensors":
        data = pickle.dumps(_plain(state), _PROTOCOL)
        _core.io.write_file_atomic(os.fsencode(path), data)
        return
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_encode(state, "", arrays), allow_nan=False)
    save_safetensors(path, arrays, {_KEY: text})


def read(path: Any) -> Any:
    """The state in the file. FileNotFoundError, or ValueError for a file of neither form."""
    from .. import _safe_pickle
    from ..io import load_safetensors, parse_json

    if not _is_safetensors(path):
        return _safe_pickle.load(path, encoding="latin1")
    tensors = load_safetensors(path, copy=True)
    if _KEY not in tensors.metadata:
        raise ValueError(f"{path} holds tensors but no checkpoint")
    text = tensors.metadata[_KEY].encode("utf-8")
    return _decode(parse_json(text, what=f"the checkpoint in {path}"), tensors)


def _is_safetensors(path: Any) -> bool:
    """Whether a JSON object follows the eight bytes of a header length."""
    with Path(path).open("rb") as file:
        return file.read(9)[8:9] == b"{"


def _plain(value: Any) -> Any:
    """`value` of what any reader of plain data takes: no object of a class of anybody's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return np.array(value, order="C")  # no subclass
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint holds numbers, text and arrays, not {type(value).__name__}")


def _encode(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        name = path or "value"
        while name in arrays:  # {"a.b": x, "a": {"b": y}}
            name += "'"
        arrays[name] = value
        return {"$array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, dict):
        pairs = [
            (key, _encode(item, f"{path}.{key}".lstrip("."), arrays)) for key, item in value.items()
        ]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            return dict(pairs)
        return {"$dict": [list(pair) for pair in pairs]}
    if isinstance(value, (list, tuple)):
        return [_encode(item, f"{path}.{index}", arrays) for index, item in enumerate(value)]
    return value


def _decode(value: Any, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        if value["$array"] not in tensors:
            raise ValueError(f"the checkpoint lacks tensor {value['$array']!r}")
        return tensors[value["$array"]]
    if "$float" in value:
        return float(value["$float"])
    if "$dict" in value:
        return {key: _decode(item, tensors) for key, item in value["$dict"]}
    return {key: _decode(item, tensors) for key, item in value.items()}
