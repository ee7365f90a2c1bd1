"""Horizontal bars made of parts: where a total goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .marks import text_width
from .markup import Markup, tag
from .plot import drawing

ROW = 34.0
THICK = 22.0
GAP = 1.5


@dataclass(frozen=True)
class Part:
    name: str
    value: float
    tone: int  # 0 strongest; -1 for parts that share the muted tone


@dataclass(frozen=True)
class Bar:
    label: str
    parts: Sequence[Part]
    note: str = ""  # behind the bar; the total where empty

    @property
    def total(self) -> float:
        return sum(part.value for part in self.parts)


def stacked_bars(
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    text: Callable[[float], str],
    series: int,
    width: float = 500,
    label_width: float = 92,
) -> Markup:
    """One bar per row on a common scale from zero, its total at the end."""
    notes = [bar.note or text(bar.total) for bar in bars]
    room = max((text_width(note) for note in notes), default=0.0) + 14
    scale = (width - label_width - room) / max((bar.total for bar in bars), default=1.0)
    rows = []
    for index, (bar, note) in enumerate(zip(bars, notes, strict=True)):
        top = index * ROW + (ROW - THICK) / 2
        base = top + THICK / 2 + 4
        end = label_width + bar.total * scale
        rows.append(
            tag(
                "g",
                tag(
                    "text", bar.label, x=label_width - 10, y=base, text_anchor="end", class_="name"
                ),
                _parts(bar, label_width, top, scale, text, series),
                tag("text", note, x=end + 8, y=base, class_="label"),
            )
        )
    return drawing(width, ROW * len(bars) + 2, title, description, rows)


def _parts(
    bar: Bar, left: float, top: float, scale: float, text: Callable[[float], str], series: int
) -> list[Markup]:
    drawn = []
    for part in bar.parts:
        length = part.value * scale
        share = part.value / bar.total if bar.total else 0.0
        note = f"{bar.label}, {part.name}: {text(part.value)} ({share:.0%})"
        tone = f"tone{part.tone}" if part.tone >= 0 else "muted"
        drawn.append(
            tag(
                "rect",
                tag("title", note),
                x=left,
                y=top,
                width=max(0.4, length - GAP),
                height=THICK,
                class_=f"part s{series} {tone}",
            )
        )
        if text_width(part.name, 11.5) + 10 < length:
            place = left + (length - GAP) / 2
            drawn.append(
                tag(
                    "text",
                    part.name,
                    x=place,
                    y=top + THICK / 2 + 4,
                    text_anchor="middle",
                    class_=f"inside {tone}",
                )
            )
        left += length
    return drawn
