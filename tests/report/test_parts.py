"""Scales, figures, fronts and images that the page is made of."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.report import axis, figures
from tinytorch.report.marks import Box, place_labels
from tinytorch.report.markup import Markup, tag
from tinytorch.report.pareto import front
from tinytorch.report.png import data_uri, ink_png

THIN = figures.THIN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00421, f"4.21{THIN}\u00b5s"),
        (8.3e-7, f"0.830{THIN}ns"),
        (1.4, f"1.40{THIN}ms"),
        (2100, f"2.10{THIN}s"),
    ],
)
def test_times(value: float, text: str) -> None:
    assert figures.time_ms(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (123456, "123,000"), (-0.01234, "\u22120.0123"), (9.999, "10.0"), (1, "1.00")],
)
def test_digits(value: float, text: str) -> None:
    assert figures.digits(value) == text


def test_sizes_points_and_factors() -> None:
    assert figures.size(999) == f"999{THIN}B"
    assert figures.size(18640) == f"18.2{THIN}KiB"
    assert figures.size(3 << 20) == f"3.00{THIN}MiB"
    assert figures.size(24 << 30) == f"24.0{THIN}GiB"
    assert figures.points(-0.0056) == "\u22120.6"
    assert figures.points(0.0001) == "\u00b10.0"
    assert figures.speed(0.6) == "1.7\u00d7 slower"
    assert figures.speed(1.01) == "as fast"
    assert figures.factor(7.58) == "7.6\u00d7"
    assert figures.short(f"5.00{THIN}\u00b5s") == f"5{THIN}\u00b5s"
    assert figures.short(f"100{THIN}B") == f"100{THIN}B"


positive = st.floats(1e-9, 1e12)


@given(st.lists(positive, min_size=1, max_size=20))
def test_scales_keep_their_values_inside_in_order(values: list[float]) -> None:
    for scale in (axis.linear(values, 0, 100), axis.logarithmic(values, 0, 100)):
        places = [scale(v) for v in sorted(values)]
        assert all(-1e-6 <= p <= 100 + 1e-6 for p in places)
        assert places == sorted(places)
        ticks = scale.ticks()
        assert all(-1 <= scale(t) <= 101 for t in ticks)
        assert len(ticks) <= 40


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(p: tuple[int, int]) -> bool:
        return any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in points)

    assert sorted(front(points)) == [i for i, p in enumerate(points) if not beaten(p)]


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300)), min_size=1, max_size=8))
def test_labels_stay_whole(points: list[tuple[float, float]]) -> None:
    placed = place_labels([("INT8", x, y, "label s0") for x, y in points], Box(0, 0, 400, 300))
    assert len(placed) == len(points)


def test_markup_escapes_what_is_not_markup() -> None:
    assert tag("p", "a<b & c", title='"x"') == '<p title="&quot;x&quot;">a&lt;b &amp; c</p>'
    assert tag("p", Markup("<b>x</b>"), None, ["y", 2.5]) == "<p><b>x</b>y2.5</p>"
    assert tag("img", alt="", class_="c") == '<img alt="" class="c">'


def test_png_holds_the_ink() -> None:
    rows = [[0, 255, 7], [1, 2, 3]]
    png = ink_png(rows)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (3, 2)
    at = png.index(b"IDAT")
    length = struct.unpack(">I", png[at - 4 : at])[0]
    raw = zlib.decompress(png[at + 4 : at + 4 + length])
    assert [list(raw[i * 7 + 2 : i * 7 + 7 : 2]) for i in range(2)] == rows
    crc = struct.unpack(">I", png[at + 4 + length : at + 8 + length])[0]
    assert crc == zlib.crc32(png[at : at + 4 + length])
    assert base64.b64decode(data_uri(png).partition(",")[2]) == png
