"""Everything that the picture shows, measured."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from .. import _core
from ._limits import Limits, Step, cache_bytes, measure_limits
from ._points import Point, kernels
from ._timing import best_time

STEPS = 8 + 24  # about: for bars of progress


@dataclass(frozen=True)
class Roofline:
    machine: str
    isa: str
    date: str
    limits: Limits
    points: list[Point]

    def as_json(self) -> dict[str, Any]:
        rows = [
            {
                **asdict(p),
                "operations_per_byte": p.intensity,
                "operations_per_second": p.rate,
                "share_of_roof": self.limits.share(p),
            }
            for p in self.points
        ]
        head = {"machine": self.machine, "isa": self.isa, "date": self.date}
        return {**head, "limits": asdict(self.limits), "kernels": rows}


def measure(seconds: float = 0.1, step: Step | None = None) -> Roofline:
    """Measure the machine's limits and the kernels, `seconds` each, on the engine's threads.

    `step` is called with the name of what comes next.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    limits = measure_limits(seconds, step)
    points = []
    for kernel in kernels():
        if step is not None:
            step(kernel.name)
        took = best_time(kernel.run, seconds)
        level = _level(kernel.bytes, limits.threads)
        points.append(
            Point(kernel.name, kernel.format, kernel.operations, kernel.bytes, took, level)
        )
    date = time.strftime("%Y-%m-%d")
    return Roofline(_core.cpu_name(), _core.active_isa(), date, limits, points)


def _level(size: float, threads: int) -> str:
    """The smallest memory that holds `size` bytes; the last cache is shared with others."""
    caches = cache_bytes()
    for level in (1, 2):
        if size <= caches[level] * threads:
            return f"L{level}"
    return "L3" if size <= caches[3] / 4 else "DRAM"
