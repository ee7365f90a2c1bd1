"""Scales from data to pixels, and where their ticks go."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] to [start, end], by value or by logarithm (then 0 and less lie at low)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            positive = value if value > 0 else self.low
            share = math.log(positive / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        found = _log_ticks if self.log else _linear_ticks
        slack = 1e-9 * (self.high - self.low)
        return [
            t
            for t in found(self.low, self.high, count)
            if self.low - slack <= t <= self.high + slack
        ]


def linear(values: Iterable[float], start: float, end: float, margin: float = 0.06) -> Scale:
    """A scale over the values with some air at both ends."""
    low, high = _range(values)
    air = (high - low) * margin if high > low else abs(high) * 0.1 or 1.0
    return Scale(low - air, high + air, start, end)


def logarithmic(values: Iterable[float], start: float, end: float, margin: float = 0.1) -> Scale:
    """A logarithmic scale over the positive values."""
    low, high = _range(v for v in values if v > 0)
    air = max((high / low) ** margin, 1.15)
    return Scale(low / air, high * air, start, end, log=True)


def doublings(scale: Scale) -> list[float]:
    """Powers of two inside the scale, at most seven of them: ticks for bytes."""
    first = math.ceil(math.log2(scale.low))
    powers = range(first, math.floor(math.log2(scale.high)) + 1)
    step = max(1, math.ceil(len(powers) / 7))
    return [2.0**p for p in powers if p % step == 0]


def _range(values: Iterable[float]) -> tuple[float, float]:
    found = [v for v in values if math.isfinite(v)]
    return (min(found), max(found)) if found else (1.0, 1.0)


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, about `count` of them."""
    rough = (high - low) / max(1, count)
    base = 10.0 ** math.floor(math.log10(rough))
    step = next(base * m for m in (1, 2, 5, 10) if base * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    """Powers of ten, with 2 and 5 between (or every digit) where the range is short."""
    decades = math.log10(high / low)
    multiples = (1,) if decades > count else (1, 2, 5) if decades > 0.9 else tuple(range(1, 10))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in multiples]
    inside = [t for t in found if low <= t <= high]
    return inside if len(inside) >= 2 else _linear_ticks(low, high, count)
