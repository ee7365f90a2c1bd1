"""The picture: operations per second over operations per byte, both in powers of ten."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ._measure import Roofline
from ._points import Point

_COLOURS = {"f32": "#1f5fa8", "bf16": "#b4540a", "int8": "#2d7d3a"}
_LEVELS = ("L1", "L2", "L3", "DRAM")
_LEFT, _RIGHT = 0.04, 4000.0  # operations per byte


def draw(found: Roofline, path: Path) -> None:
    """Write the picture; the ending of `path` says in which format. ImportError: no matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 7.2), dpi=110)
    FigureCanvasAgg(figure)
    axis = figure.add_axes((0.065, 0.085, 0.60, 0.83))
    _roofs(axis, found)
    _kernels(figure, axis, found)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(_LEFT, _RIGHT)
    axis.set_ylim(*_heights(found))
    axis.set_xlabel("operations per byte of operands and results")
    axis.set_ylabel("operations per second")
    axis.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    threads = f"{found.limits.threads} thread{'s' * (found.limits.threads > 1)}"
    axis.set_title(
        f"{found.machine}, {found.isa}, {threads}, {found.date}", fontsize=10, loc="left"
    )
    figure.savefig(path)


def _heights(found: Roofline) -> tuple[float, float]:
    """The ends of the upright axis."""
    limits = found.limits
    return 0.7 * _LEFT * limits.bandwidths["DRAM"], 2 * max(limits.peaks.values())


def _roofs(axis: Any, found: Roofline) -> None:
    limits = found.limits
    low, top = _heights(found)
    for level in _LEVELS:
        rate = limits.bandwidths[level]
        ends = (_LEFT, max(limits.peaks.values()) / rate)
        axis.plot(ends, [x * rate for x in ends], color="#777777", linewidth=1.1)
        x, below = _LEFT * 1.15, level in ("L2", "DRAM")  # of neighbours, one above its line
        axis.annotate(
            f"{level} {rate / 1e9:,.0f} GB/s", (x, x * rate), xytext=(2, -11 if below else 5),
            fontsize=8,
            textcoords="offset points", color="#444444", rotation=_slope(axis, top / low),
            rotation_mode="anchor",
        )  # fmt: skip
    for format, peak in limits.peaks.items():
        colour = _COLOURS[format]
        axis.plot(
            (peak / limits.bandwidths["L1"], _RIGHT), (peak, peak), color=colour, linewidth=1.5
        )
        axis.annotate(
            f"{format} peak {_rate(peak)}", (_RIGHT, peak), xytext=(-4, 4), fontsize=8, ha="right",
            textcoords="offset points", color=colour,
        )  # fmt: skip


def _slope(axis: Any, ratio: float) -> float:
    """Degrees of a proportional line; `ratio` is that of the ends of the upright axis."""
    box, figure = axis.get_position(), axis.figure
    width, height = figure.get_size_inches()
    decades_x = math.log10(_RIGHT / _LEFT)
    decades_y = math.log10(ratio)
    return math.degrees(math.atan2(box.height * height / decades_y, box.width * width / decades_x))


def _kernels(figure: Any, axis: Any, found: Roofline) -> None:
    """Numbered points, and beside the picture what the numbers stand for."""
    y, step = 0.90, 0.83 / max(len(found.points), 24)
    figure.text(0.685, 0.935, "kernel", fontsize=8.5, weight="bold")
    figure.text(0.915, 0.935, "per second", fontsize=8.5, weight="bold", ha="right")
    figure.text(0.985, 0.935, "of its roof", fontsize=8.5, weight="bold", ha="right")
    for number, point in enumerate(found.points, 1):
        colour = _COLOURS[point.format]
        place = (point.intensity, point.rate)
        axis.plot(*place, "o", markersize=13, color="white", markeredgecolor=colour)
        axis.annotate(str(number), place, fontsize=7.5, ha="center", va="center", color=colour)
        figure.text(0.685, y, f"{number:>2}  {point.name}", fontsize=8.5, color=colour)
        figure.text(0.915, y, _rate(point.rate), fontsize=8.5, ha="right")
        figure.text(0.985, y, _share(found, point), fontsize=8.5, ha="right")
        y -= step


def _share(found: Roofline, point: Point) -> str:
    return f"{found.limits.share(point):.0%}, {point.level}"


def _rate(value: float) -> str:
    return f"{value / 1e12:.2f} T" if value >= 1e12 else f"{value / 1e9:,.1f} G"
