"""The engine's kernels with what they compute and move, by definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import _core


@dataclass(frozen=True)
class Point:
    """A kernel as it was measured. `level` is the memory that its data fit in."""

    name: str
    format: str
    operations: float
    bytes: float
    seconds: float
    level: str

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.operations / self.bytes

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds


class Kernel(NamedTuple):
    name: str
    format: str
    operations: float
    bytes: float
    run: Callable[[], Any]


def kernels() -> Iterator[Kernel]:
    """All kernels, each made when it is asked for, so that their memory is not held together."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return _core.ops.add(rng.standard_normal(shape, np.float32), 0.0)

    yield from _products(normal)
    yield from _packed(normal)
    yield from _convolutions(normal)
    yield from _rows(normal)


def _products(normal: Callable[..., Any]) -> Iterator[Kernel]:
    for n in (64, 256, 1024):
        a, b = normal(n, n), normal(n, n)
        yield Kernel(f"matmul {n}", "f32", 2 * n**3, 12 * n**2, partial(_core.ops.matmul, a, b))
    n = 4096
    x, w = normal(1, n), normal(n, n)
    yield Kernel("row x matrix 4096", "f32", 2 * n**2, 4 * n**2, partial(_core.ops.matmul, x, w))


_WEIGHT_BYTES = {"bf16": 2.0, "int8": 1.0, "int4": 0.5625}


def _packed(normal: Callable[..., Any]) -> Iterator[Kernel]:
    n = 4096
    weight = normal(n, n)
    for precision, size in _WEIGHT_BYTES.items():
        session = _core.runtime.LinearSession(weight, precision=precision)
        format = "int8" if precision == "int4" else precision  # whose products it uses
        for rows in (1, 256):
            x = normal(rows, n)
            yield Kernel(
                f"linear {precision}, {rows} row{'s' * (rows > 1)}",
                format,
                2 * rows * n * n,
                size * n * n + 8 * rows * n,
                partial(session, x),
            )


def _convolutions(normal: Callable[..., Any]) -> Iterator[Kernel]:
    from ..runtime import CnnSession

    channels, side, batch = 64, 32, 8
    weights = {"c.w": np.asarray(normal(channels, channels, 3, 3).data) * 0.05}
    images = np.abs(np.asarray(normal(batch, channels, side, side).data))
    nodes = [("relu",), ("conv", "c", channels, channels, 3, 1, 1), ("gap",)]
    operations = 2 * 9 * channels**2 * side**2 * batch
    for precision, size in (("f32", 4), ("int8", 1)):
        session = CnnSession(
            nodes, weights, input_shape=(channels, side, side), batch=batch, precision=precision,
            calibration=images if precision == "int8" else None,
        )  # fmt: skip
        moved = images.nbytes + size * 9 * channels**2
        yield Kernel(
            f"conv 3x3 {precision}", precision, operations, moved, partial(session, images)
        )


# Operations per element as the kernels' formulas have them, a multiply-add as two.
_ELEMENTWISE = {"exp": 19, "gelu": 40}
_ROWWISE = {"softmax": 23, "layer_norm": 8, "sum": 1}


def _rows(normal: Callable[..., Any]) -> Iterator[Kernel]:
    ops = _core.ops
    for rows, columns, where in ((128, 512, "256 KB"), (8192, 1024, "32 MB")):
        count = rows * columns
        x, y = normal(rows, columns), normal(rows, columns)
        gamma, beta = normal(columns), normal(columns)
        yield Kernel(f"add {where}", "f32", count, 12 * count, partial(ops.add, x, y))
        yield Kernel(f"sum {where}", "f32", count, 4 * count, partial(ops.sum, x, 1))
        for name, cost in _ELEMENTWISE.items():
            run = getattr(ops, name)
            yield Kernel(f"{name} {where}", "f32", cost * count, 8 * count, partial(run, x))
        runs = {
            "softmax": partial(ops.softmax, x, 1),
            "layer_norm": partial(ops.layer_norm, x, gamma, beta),
        }
        for name, run in runs.items():
            yield Kernel(f"{name} {where}", "f32", _ROWWISE[name] * count, 8 * count, run)
