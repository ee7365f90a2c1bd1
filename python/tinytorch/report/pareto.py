"""The points that nothing beats in both respects."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points with no other of smaller-or-equal x and larger-or-equal y (and better
    in one of them), in the order of x. Equal points are all kept."""
    best = float("-inf")
    kept: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        x, y = points[index]
        if y > best or (kept and points[kept[-1]] == (x, y)):
            kept.append(index)
            best = y
    return kept
