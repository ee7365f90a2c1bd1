"""Lines over a common x, each named at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import axis
from .marks import FONT, mark
from .markup import Markup, tag
from .plot import Frame, axes, drawing

_FRAME = Frame(right=96)  # room for the names


@dataclass(frozen=True)
class Line:
    xs: Sequence[float]
    ys: Sequence[float]
    label: str
    series: int
    dashed: bool = False
    named: bool = True  # at its end; else a legend says the name
    shape: str | None = None  # of marks at the points


def lines(
    curves: Sequence[Line],
    *,
    title: str,
    description: str,
    x_title: str,
    y_title: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    log_x: bool = False,
    log_y: bool = False,
    floor: float | None = None,
    x_ticks: Sequence[float] | None = None,
    frame: Frame = _FRAME,
) -> Markup:
    """What lies below `floor` is cut off (the first epochs of an accuracy, say)."""
    xs = [v for c in curves for v in c.xs]
    ys = [v for c in curves for v in c.ys if floor is None or v >= floor]
    ys += [] if floor is None else [floor]
    make_x = axis.logarithmic if log_x else axis.linear
    make_y = axis.logarithmic if log_y else axis.linear
    x = make_x(xs, *frame.x_range, margin=0.0 if not log_x else 0.02)
    y = make_y(ys, *frame.y_range, margin=0.06)
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
            x_ticks=x_ticks,
        ),
        [_path(c, x, y, floor) for c in curves],
        [_marks(c, x, y) for c in curves],
        _end_labels(curves, x, y, frame),
    )


def _path(curve: Line, x: axis.Scale, y: axis.Scale, floor: float | None) -> Markup:
    points = _above(list(zip(curve.xs, curve.ys, strict=True)), floor)
    path = "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
    style = f"line s{curve.series}" + (" dashed" if curve.dashed else "")
    return tag("path", tag("title", curve.label), d=path, class_=style)


def _above(points: list[tuple[float, float]], floor: float | None) -> list[tuple[float, float]]:
    """The points from where the curve last rises through the floor, beginning on it."""
    below = [i for i, (_, b) in enumerate(points) if floor is not None and b < floor]
    if floor is None or not below or below[-1] + 1 == len(points):
        return points
    (a, b), (c, d) = points[below[-1] : below[-1] + 2]
    return [(a + (floor - b) / (d - b) * (c - a), floor), *points[below[-1] + 1 :]]


def _marks(curve: Line, x: axis.Scale, y: axis.Scale) -> list[Markup]:
    if curve.shape is None:
        return []
    return [
        mark(curve.shape, x(a), y(b), 4, f"mark s{curve.series}")
        for a, b in zip(curve.xs, curve.ys, strict=True)
    ]


def _end_labels(curves: Sequence[Line], x: axis.Scale, y: axis.Scale, frame: Frame) -> list[Markup]:
    """Names at the right ends, moved apart where they would touch; a curve that ends before the
    others has its name above its end."""
    named = [c for c in curves if c.named and c.xs]
    last = max((c.xs[-1] for c in named), default=0.0)
    order = sorted((c for c in named if c.xs[-1] == last), key=lambda c: y(c.ys[-1]))
    step = FONT * 1.2
    heights = [y(c.ys[-1]) for c in order]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + step)
    excess = heights[-1] - frame.inside.bottom if heights else 0.0
    if excess > 0:
        heights = _pushed_up(heights, frame.inside.bottom, step)
    at_end = [
        tag("text", c.label, x=x(c.xs[-1]) + 9, y=h + 4, class_=f"label s{c.series}")
        for c, h in zip(order, heights, strict=True)
    ]
    return at_end + [_label_above(c, x, y) for c in named if c.xs[-1] != last]


def _label_above(curve: Line, x: axis.Scale, y: axis.Scale) -> Markup:
    at, height = x(curve.xs[-1]), y(curve.ys[-1])
    return tag(
        "g",
        mark("circle", at, height, 3.5, f"mark s{curve.series}"),
        tag(
            "text",
            curve.label,
            x=at,
            y=height - 10,
            text_anchor="middle",
            class_=f"label s{curve.series}",
        ),
    )


def _pushed_up(heights: list[float], bottom: float, step: float) -> list[float]:
    limit = bottom
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], limit)
        limit = heights[i] - step
    return heights
