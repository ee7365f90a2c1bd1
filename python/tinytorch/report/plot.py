"""The frame of a chart: axes, grid and their words, for marks drawn on top."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .axis import Scale
from .figures import short
from .marks import Box
from .markup import Markup, tag

_ids = itertools.count(1)


@dataclass(frozen=True)
class Frame:
    """The drawing area in pixels: the whole, and the margins around the data."""

    width: float = 500
    height: float = 340
    left: float = 56
    right: float = 20
    top: float = 30
    bottom: float = 48

    @property
    def x_range(self) -> tuple[float, float]:
        return self.left, self.width - self.right

    @property
    def y_range(self) -> tuple[float, float]:
        return self.height - self.bottom, self.top

    @property
    def inside(self) -> Box:
        return Box(self.left, self.top, self.width - self.right, self.height - self.bottom)


def drawing(width: float, height: float, title: str, description: str, *content: Any) -> Markup:
    """An SVG that says in words what it shows."""
    number = next(_ids)
    names = f"t{number} d{number}"
    return tag(
        "svg",
        tag("title", title, id=f"t{number}"),
        tag("desc", description, id=f"d{number}"),
        content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=names,
        preserveAspectRatio="xMidYMid meet",
    )


def axes(
    frame: Frame,
    x: Scale,
    y: Scale,
    *,
    x_title: str,
    y_title: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    x_ticks: Sequence[float] | None = None,
    y_ticks: Sequence[float] | None = None,
) -> list[Markup]:
    """Horizontal grid lines, tick texts on both axes, and what the axes mean."""
    left, right = frame.x_range
    bottom, top = frame.y_range
    parts = []
    for value in y.ticks() if y_ticks is None else y_ticks:
        at = y(value)
        parts.append(tag("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
        parts.append(_text(short(y_text(value)), left - 8, at + 4, "end", "tick"))
    for value in _spread(x.ticks() if x_ticks is None else list(x_ticks), x, x_text):
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=bottom, y2=bottom + 5, class_="axis"))
        parts.append(_text(short(x_text(value)), at, bottom + 18, "middle", "tick"))
    parts.append(tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
    parts.append(_text(x_title, right, bottom + 38, "end", "axis-title"))
    parts.append(_text(y_title, left - 8 if left < 30 else 4, top - 14, "start", "axis-title"))
    return parts


def _spread(ticks: list[float], x: Scale, text: Callable[[float], str]) -> list[float]:
    """The ticks whose texts do not touch, from the left."""
    kept: list[float] = []
    end = -1e9
    for value in ticks:
        half = 3.4 * len(short(text(value)))
        if x(value) - half > end + 8:
            kept.append(value)
            end = x(value) + half
    return kept


def _text(text: str, x: float, y: float, anchor: str, class_: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=class_)
