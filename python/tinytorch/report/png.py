"""Small images as PNG data."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _GREY_WITH_ALPHA = 2, 4


def ink_png(rows: Sequence[Sequence[int]]) -> bytes:
    """Black ink of the given opacities (0 to 255) on nothing, so that it suits any background."""
    width = len(rows[0])
    lines = [b"\0" + bytes(v for alpha in row for v in (0, alpha)) for row in rows]
    return _file(width, lines, _GREY_WITH_ALPHA)


def rgb_png(pixels: np.ndarray) -> bytes:
    """A colour picture, uint8 (height, width, 3)."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"pixels must be uint8 (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    return _file(pixels.shape[1], [b"\0" + row.tobytes() for row in pixels], _RGB)


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _file(width: int, lines: Sequence[bytes], form: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(lines), 8, form, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines), 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)
