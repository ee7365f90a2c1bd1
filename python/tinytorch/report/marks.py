"""Marks of a chart, and labels that keep clear of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, tag

SHAPES = ("circle", "square", "triangle", "diamond", "cross")
FONT = 12.5  # pixels, of labels
_GLYPH = 0.54  # mean width of a character / font size


def mark(shape: str, x: float, y: float, r: float, class_: str, title: str = "") -> Markup:
    """A shape of about radius r, centred; equal in area to the others."""
    note = tag("title", title) if title else None
    if shape == "circle":
        return tag("circle", note, cx=x, cy=y, r=r, class_=class_)
    return tag("path", note, d=_outline(shape, x, y, r), class_=class_)


def _outline(shape: str, x: float, y: float, r: float) -> str:
    if shape == "square":
        a = 0.886 * r
        points = [(-a, -a), (a, -a), (a, a), (-a, a)]
    elif shape == "triangle":
        a = 1.35 * r
        points = [(0, -a), (0.866 * a, a / 2), (-0.866 * a, a / 2)]
    elif shape == "diamond":
        a = 1.25 * r
        points = [(0, -a), (a, 0), (0, a), (-a, 0)]
    else:
        a, b = 1.15 * r, 0.42 * r
        points = [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b)]
        points += [(b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b)]
    return "M" + "L".join(f"{x + dx:.1f} {y + dy:.1f}" for dx, dy in points) + "Z"


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def text_width(text: str, font: float = FONT) -> float:
    return _GLYPH * font * len(text)


def place_labels(
    labels: Sequence[tuple[str, float, float, str]], bounds: Box, reach: float = 9.0
) -> list[Markup]:
    """A text beside each point (text, x, y, class), where it covers least of what is there.

    Greedy: each label tries the places around its point in the order of preference and takes the
    one that overlaps other points, placed labels and the border least.
    """
    taken = [Box(x - 6, y - 6, x + 6, y + 6) for _, x, y, _ in labels]
    placed = []
    for text, x, y, class_ in labels:
        width = text_width(text)
        best = min(
            _places(x, y, width, reach),
            key=lambda place: _cost(place[0], taken, bounds) + place[3],
        )
        box, anchor, (left, base), _ = best
        taken.append(box)
        placed.append(tag("text", text, x=left, y=base, text_anchor=anchor, class_=class_))
    return placed


def _places(
    x: float, y: float, width: float, reach: float
) -> list[tuple[Box, str, tuple[float, float], float]]:
    """(box, text-anchor, text position, dislike) of the eight places around a point."""
    found = []
    half = FONT * 0.5
    for rank, (dx, dy) in enumerate(
        [(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)]
    ):
        middle = y + dy * (reach + half * 0.8)
        anchor = "start" if dx > 0 else "end" if dx < 0 else "middle"
        at = x + dx * (reach if dy == 0 else reach * 0.4)
        left = at if dx > 0 else at - width if dx < 0 else at - width / 2
        box = Box(left, middle - half, left + width, middle + half)
        found.append((box, anchor, (at, middle + FONT * 0.34), float(rank)))
    return found


def _cost(box: Box, taken: Sequence[Box], bounds: Box) -> float:
    area = (box.right - box.left) * (box.bottom - box.top)
    outside = area - box.overlap(bounds)
    return 4 * outside + sum(box.overlap(other) for other in taken)
