"""The IDX format of MNIST: big-endian arrays, usually gzipped.

0x00 0x00 | type code | number of axes | size of each axis (uint32) | elements
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAX_BYTES = 1 << 30
MAX_AXES = 8
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """The array in an IDX file, gzipped or not, in native byte order.

    ValueError for a file of another form, a truncated one, bytes after the data, or data beyond
    `max_bytes` (which also bounds what a small gzip file may expand to); OSError where it cannot be
    read.
    """
    path = Path(path)
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) if zipped else raw as file:
                return _read(file, path, max_bytes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _read(file: BinaryIO | gzip.GzipFile, path: Path, max_bytes: int) -> np.ndarray:
    start = _exactly(file, 4, path)
    zero, code, axes = struct.unpack(">HBB", start)
    if zero != 0 or code not in _DTYPES or not 1 <= axes <= MAX_AXES:
        raise ValueError(f"{path} is not an IDX file: it begins with {start.hex(' ')}")
    shape = struct.unpack(f">{axes}I", _exactly(file, 4 * axes, path))
    dtype = np.dtype(_DTYPES[code])
    size = math.prod(shape) * dtype.itemsize
    if size > max_bytes:
        raise ValueError(f"{path} states shape {shape}: {size} bytes, above the limit {max_bytes}")
    data = _exactly(file, size, path)
    if file.read(1):
        raise ValueError(f"{path} has bytes after its {shape} elements")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _exactly(file: BinaryIO | gzip.GzipFile, count: int, path: Path) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise ValueError(f"{path} is truncated: {count} bytes expected, {len(data)} left")
    return data
