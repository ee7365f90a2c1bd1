"""Drawn colour images in CIFAR-10's form, for where CIFAR-10 itself is not at hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._images import ImageSet, Split

_SIDE = 32
_FINE = 2  # each pixel is the mean of 2 x 2 samples, so that edges are smooth
_SIZES = {"train": 5000, "test": 1000}
_SEEDS = {"train": 20, "test": 21}


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    slope = np.sqrt(3) / 2
    return np.maximum(np.maximum(slope * u - v / 2, -slope * u - v / 2), v) < 0.48


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    turn = 2 * np.pi / 5
    angle = np.abs(np.mod(np.arctan2(v, u), turn) - turn / 2)  # 0 in a notch, turn / 2 at a tip
    return np.hypot(u, v) < 0.4 + 0.6 * (angle / (turn / 2)) ** 2


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.minimum(np.abs(u), np.abs(v)) < 0.24) & (np.maximum(np.abs(u), np.abs(v)) < 0.9)


def _bars(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    inside = np.maximum(np.abs(u), np.abs(v)) < 0.85
    return inside & (np.floor((v + 0.85) / 0.34) % 2 == 0)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    x, y = 1.25 * u, 0.15 - 1.25 * v
    return (x**2 + y**2 - 1) ** 3 < x**2 * y**3


# Each tells which points of a figure of about unit radius are inside.
_FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "disc": lambda u, v: np.hypot(u, v) < 0.8,
    "ring": lambda u, v: np.abs(np.hypot(u, v) - 0.68) < 0.2,
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) < 0.72,
    "frame": lambda u, v: np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.62) < 0.17,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "crescent": lambda u, v: (np.hypot(u, v) < 0.85) & (np.hypot(u - 0.45, v) > 0.68),
    "bars": _bars,
    "heart": _heart,
}


class TinyShapes(ImageSet):
    """6,000 drawn images of ten figures, 3 x 32 x 32: 5,000 for training, 1,000 for testing.

    Place, size, angle and colours are random, so that only the form tells the class. The images
    are drawn when they are first asked for, from fixed seeds: nothing is read, the set is the same
    each time, and it can be used wherever `CIFAR10` can.
    """

    classes = tuple(_FIGURES)

    def _load(self, split: str) -> Split:
        rng = np.random.RandomState(_SEEDS[split])  # NumPy promises this generator's stream
        count = _SIZES[split] // len(_FIGURES)
        images = np.concatenate([_draw(figure, count, rng) for figure in _FIGURES.values()])
        labels = np.repeat(np.arange(len(_FIGURES), dtype=np.uint8), count)
        order = rng.permutation(len(labels))
        return images[order], labels[order]


def _draw(
    figure: Callable[[np.ndarray, np.ndarray], np.ndarray], count: int, rng: np.random.RandomState
) -> np.ndarray:
    """`count` images of one figure, uint8 (count, 3, 32, 32)."""
    radius = rng.uniform(8, 13, (count, 1, 1))
    middle = _SIDE / 2 + rng.uniform(-1, 1, (2, count, 1, 1)) * (_SIDE / 2 - radius)
    angle = rng.uniform(-0.4, 0.4, (count, 1, 1))
    points = (np.arange(_SIDE * _FINE) + 0.5) / _FINE
    x = (points - middle[0]) / radius
    y = (points[:, None] - middle[1]) / radius
    inside = figure(np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x)
    cover = inside.reshape(count, 1, _SIDE, _FINE, _SIDE, _FINE).mean(axis=(3, 5))

    paint, ground = _two_colours(count, rng)
    tilt = rng.uniform(-40, 40, (2, count, 3, 1, 1))
    ramp = np.linspace(-0.5, 0.5, _SIDE)
    ground = ground + tilt[0] * ramp + tilt[1] * ramp[:, None]
    noise = rng.uniform(-12, 12, (count, 3, _SIDE, _SIDE))
    return np.clip(cover * paint + (1 - cover) * ground + noise, 0, 255).astype(np.uint8)


def _two_colours(count: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of colours, (count, 3, 1, 1) each, that differ by at least 110 in some channel."""
    paint = rng.uniform(0, 255, (count, 3, 1, 1))
    ground = rng.uniform(0, 255, (count, 3, 1, 1))
    channel = rng.randint(0, 3, count)
    rows = np.arange(count)
    step = rng.uniform(110, 128, (count, 1, 1))
    start = paint[rows, channel]
    ground[rows, channel] = np.where(start < 127.5, start + step, start - step)
    return paint, ground
