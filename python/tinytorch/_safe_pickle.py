"""Read other people's pickle files without running what they say.

A pickle is a program: reading one with `pickle.load` lets its author call any function. The files
this package meets (CIFAR-10's "python" layout, checkpoints from elsewhere) need only numbers, text,
plain containers and NumPy arrays, so everything else is refused:

1. a scan of the opcodes refuses those that reach outside (persistent ids, extension codes,
   old-style instances), memo slots beyond the file's own length, which would exhaust memory, and
   tuples by the ten thousand, which could nest until hashing one overflows the stack;
2. names resolve only through the table below, whose entries are functions of this module that check
   their arguments; no NumPy or builtin callable is handed to the file;
3. array states are checked (plain dtype, sizes that agree with the bytes) before NumPy sees them.

What `tinytorch` pickles itself (the course's checkpoints) is plain data, which this reads.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

MAX_DEPTH = 100
MAX_NDIM = 32
MAX_TUPLES = 20_000  # an array takes about five

_REFUSED_OPCODES = frozenset(
    {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"}
)
_PUT_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TUPLE_OPCODES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})


class UnsafePickleError(ValueError):
    """The file asks for more than numbers, text, plain containers and NumPy arrays."""


def load(path: Any, *, encoding: str = "ASCII") -> Any:
    """Read the pickle file at `path`; see `loads`."""
    return loads(Path(path).read_bytes(), encoding=encoding)


def loads(data: bytes, *, encoding: str = "ASCII") -> Any:
    """The object in `data`, made only of numbers, text, bytes, plain containers and arrays.

    `encoding` decodes the 8-bit strings of Python 2 files ("bytes" leaves them as bytes, which
    CIFAR-10 needs). Anything else, or damaged data, is an UnsafePickleError (a ValueError).
    """
    _scan(data)
    try:
        raw = _Unpickler(io.BytesIO(data), encoding=encoding).load()
    except UnsafePickleError:
        raise
    except Exception as error:
        # A damaged file can raise nearly anything from inside the unpickler.
        raise UnsafePickleError(f"not a readable pickle: {error}") from error
    return _plain(raw, {}, 0)


def _scan(data: bytes) -> None:
    import pickletools

    count = tuples = 0
    try:
        for opcode, arg, position in pickletools.genops(data):
            count += 1
            tuples += opcode.name in _TUPLE_OPCODES
            if tuples > MAX_TUPLES:
                raise UnsafePickleError(f"more than {MAX_TUPLES} tuples")
            if opcode.name in _REFUSED_OPCODES:
                raise UnsafePickleError(
                    f"pickle opcode {opcode.name} at byte {position} is refused"
                )
            if opcode.name in _PUT_OPCODES and not 0 <= int(arg or 0) <= count:
                raise UnsafePickleError(
                    f"pickle memo slot {arg} at byte {position} is out of range"
                )
    except UnsafePickleError:
        raise
    except Exception as error:
        raise UnsafePickleError(f"not a readable pickle: {error}") from error


class _DType:
    """What a file says about a dtype; `resolve` gives the real one if it is plain."""

    def __init__(self, code: Any = None, align: Any = False, copy: Any = True) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order: Any = "="  # a byte order of NumPy's

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, names, fields, itemsize, alignment, ...)
        plain = isinstance(state, tuple) and len(state) >= 5 and all(s is None for s in state[2:5])
        order = state[1] if plain else None
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise UnsafePickleError("array with a structured or unknown dtype")
        self.order = order

    def resolve(self) -> np.dtype:
        if not isinstance(self.code, str) or self.code[:1] not in "biufcSU" or len(self.code) > 12:
            raise UnsafePickleError(f"array dtype {self.code!r}: only numbers and fixed-size text")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """An array being rebuilt; `value` is filled in by the state that follows it in the file."""

    value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise UnsafePickleError("array state of unknown form")
        shape, dtype, fortran, raw = state[-4:]
        self.value = _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if isinstance(raw, str):  # Python 2 bytes read with encoding="latin1"
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray)) or not isinstance(dtype, _DType):
        raise UnsafePickleError("array whose contents are not plain numbers")
    sizes_ok = isinstance(shape, tuple) and len(shape) <= MAX_NDIM
    if not sizes_ok or not all(type(n) is int and n >= 0 for n in shape):
        raise UnsafePickleError(f"array shape {shape!r}")
    resolved = dtype.resolve()
    if resolved.itemsize == 0 or math.prod(shape) * resolved.itemsize != len(raw):
        raise UnsafePickleError(f"array of shape {shape} and dtype {resolved} has {len(raw)} bytes")
    array = np.frombuffer(raw, dtype=resolved).reshape(shape, order="F" if order == "F" else "C")
    return np.array(array, dtype=resolved.newbyteorder("="))


def _reconstruct(kind: Any, shape: Any = None, code: Any = None) -> _Array:
    if kind is not _Array:
        raise UnsafePickleError("only plain NumPy arrays are read")
    return _Array()


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    return _array(buffer, dtype, shape, order)


def _scalar(dtype: Any, raw: Any = None) -> Any:
    return _array(raw, dtype, (), "C")[()]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError("codecs.encode other than text to latin1")
    return text.encode("latin1")


def _empty_bytes(*args: Any) -> bytes:
    if args:
        raise UnsafePickleError("bytes built from a call")
    return b""


def _container(make: type) -> Any:
    def build(items: Any = ()) -> Any:
        if not isinstance(items, (list, tuple, set, frozenset)):
            raise UnsafePickleError(f"{make.__name__} of {type(items).__name__}")
        return make(items)

    return build


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _container(OrderedDict),
}
for _core_name in ("numpy.core", "numpy._core"):
    _NAMES[_core_name + ".multiarray", "_reconstruct"] = _reconstruct
    _NAMES[_core_name + ".multiarray", "scalar"] = _scalar
    _NAMES[_core_name + ".numeric", "_frombuffer"] = _from_buffer
for _builtins_name in ("builtins", "__builtin__"):
    _NAMES[_builtins_name, "bytes"] = _empty_bytes
    _NAMES[_builtins_name, "set"] = _container(set)
    _NAMES[_builtins_name, "frozenset"] = _container(frozenset)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise UnsafePickleError(
                f"the pickle asks for {module}.{name}; only numbers, text, plain containers and "
                "NumPy arrays are read"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError("the pickle refers to objects outside itself")


def _plain(value: Any, done: dict[int, Any], depth: int) -> Any:
    """`value` with rebuilt arrays in place of their stand-ins; shared parts stay shared."""
    if depth > MAX_DEPTH:
        raise UnsafePickleError(f"containers nested deeper than {MAX_DEPTH}")
    if isinstance(value, _Array):
        if value.value is None:
            raise UnsafePickleError("array without contents")
        return value.value
    if not isinstance(value, (dict, list, tuple)):
        if not isinstance(value, _SCALARS):
            raise UnsafePickleError(f"value of type {type(value).__name__}")
        if isinstance(value, (set, frozenset)):
            for item in value:
                _check_key(item)
        return value
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, tuple):
        result: Any = tuple(_plain(item, done, depth + 1) for item in value)
    elif isinstance(value, list):
        result = done[id(value)] = value
        value[:] = [_plain(item, done, depth + 1) for item in value]
    else:
        result = done[id(value)] = value
        for key in value:
            _check_key(key)
            value[key] = _plain(value[key], done, depth + 1)
    done[id(value)] = result
    return result


def _check_key(key: Any) -> None:
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if not isinstance(part, _KEYS):
            raise UnsafePickleError(f"key or set member of type {type(part).__name__}")


_KEYS = (type(None), bool, int, float, complex, str, bytes, np.generic)
_SCALARS = (*_KEYS, bytearray, set, frozenset, np.ndarray)
