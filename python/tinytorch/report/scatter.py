"""Points of several series in two quantities, with the front of the best trade-offs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import axis
from .figures import short
from .marks import SHAPES, mark, place_labels
from .markup import Markup, tag
from .pareto import front
from .plot import Frame, axes, drawing

_FRAME = Frame()


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    label: str
    series: int
    shape: int
    note: str
    spread: tuple[float, float] | None = None  # low and high of x


def scatter(
    points: Sequence[Point],
    *,
    title: str,
    description: str,
    x_title: str,
    y_title: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    target: float | None = None,
    x_ticks: Callable[[axis.Scale], Sequence[float]] | None = None,
    frame: Frame = _FRAME,
) -> Markup:
    """Smaller x and larger y are better; x is logarithmic."""
    spreads = [end for p in points for end in (p.spread or ())]
    x = axis.logarithmic([p.x for p in points] + spreads, *frame.x_range)
    heights = [p.y for p in points] + ([target] if target is not None else [])
    y = axis.linear(heights, *frame.y_range, margin=0.12)
    labels = [(p.label, x(p.x), y(p.y), f"label s{p.series}") for p in points]
    return drawing(
        frame.width,
        frame.height,
        title,
        description,
        axes(
            frame,
            x,
            y,
            x_title=x_title,
            y_title=y_title,
            x_text=x_text,
            y_text=y_text,
            x_ticks=x_ticks(x) if x_ticks else None,
        ),
        _target(target, y, frame, y_text),
        _front_line(points, x, y),
        [_whisker(p, x, y) for p in points],
        [
            mark(SHAPES[p.shape % len(SHAPES)], x(p.x), y(p.y), 5.5, f"mark s{p.series}", p.note)
            for p in points
        ],
        place_labels(labels, frame.inside),
    )


def _target(
    target: float | None, y: axis.Scale, frame: Frame, text: Callable[[float], str]
) -> list[Markup]:
    if target is None:
        return []
    left, right = frame.x_range
    at = y(target)
    return [
        tag("line", x1=left, x2=right, y1=at, y2=at, class_="target"),
        tag(
            "text",
            f"target {short(text(target))}",
            x=right,
            y=at - 5,
            text_anchor="end",
            class_="tick",
        ),
    ]


def _front_line(points: Sequence[Point], x: axis.Scale, y: axis.Scale) -> Markup | None:
    best = [points[i] for i in front([(p.x, p.y) for p in points])]
    if len(best) < 2:
        return None
    path = f"M{x(best[0].x):.1f} {y(best[0].y):.1f}"
    path += "".join(f"H{x(p.x):.1f}V{y(p.y):.1f}" for p in best[1:])
    return tag("path", d=path, class_="front")


def _whisker(point: Point, x: axis.Scale, y: axis.Scale) -> Markup | None:
    if point.spread is None:
        return None
    low, high = point.spread
    at = y(point.y)
    return tag("line", x1=x(low), x2=x(high), y1=at, y2=at, class_=f"whisker s{point.series}")
