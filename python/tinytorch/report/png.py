"""Small grey images as PNG data, for pages that must not load anything."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_WITH_ALPHA = 4


def ink_png(rows: Sequence[Sequence[int]]) -> bytes:
    """Black ink of the given opacities (0 to 255) on nothing, so that it suits any background."""
    width = len(rows[0])
    lines = [b"\0" + bytes(v for alpha in row for v in (0, alpha)) for row in rows]
    header = struct.pack(">IIBBBBB", width, len(rows), 8, _GREY_WITH_ALPHA, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines), 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)
