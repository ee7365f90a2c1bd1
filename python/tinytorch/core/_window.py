"""Arguments shared by convolution and pooling."""

from __future__ import annotations

from typing import Any


def as_pair(size: Any) -> tuple[int, int]:
    """(height, width): an int is a square, a pair becomes a tuple."""
    if isinstance(size, (tuple, list)):
        height, width = size
        return height, width
    return size, size


def check_4d(x: Any) -> None:
    if len(x.shape) != 4:
        raise ValueError(f"Expected 4D input (four axes, batch first), got shape {tuple(x.shape)}")
