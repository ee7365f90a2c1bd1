"""Peaks of arithmetic and bandwidths of memory, measured with the engine's smallest kernels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import _core
from ._points import Point
from ._timing import best_time

FORMATS = ("f32", "bf16", "int8")
KIB = 1024
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_USUAL = {1: 32 * KIB, 2: 512 * KIB, 3: 8192 * KIB}
_UNITS = {"": 1, "K": KIB, "M": KIB * KIB}

Step = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """Operations per second by number format, bytes per second by level of memory.

    A multiply-add is two operations. Levels are L1, L2, L3 and DRAM (read), and copy (DRAM, read
    and written past the caches).
    """

    threads: int
    peaks: dict[str, float]
    bandwidths: dict[str, float]

    def attainable(self, intensity: float, format: str = "f32", level: str = "DRAM") -> float:
        """Operations per second that a kernel with `intensity` operations per byte can reach."""
        return min(self.peaks[format], intensity * self.bandwidths[level])

    def share(self, point: Point) -> float:
        """How near a kernel comes to the roof over it: 1 touches it.

        The roof is that of the memory which the kernel's data fit in. Convolutions that need fewer
        products than their definition may exceed 1.
        """
        return point.rate / self.attainable(point.intensity, point.format, point.level)


def measure_limits(seconds: float = 0.1, step: Step | None = None) -> Limits:
    """Measure with as many threads as the engine uses; `seconds` for each of eight figures.

    `step` is called with the name of what comes next.
    """
    say = step or (lambda name: None)
    threads = _core.num_threads()
    peaks = {}
    for format in FORMATS:
        say(f"peak {format}")
        peaks[format] = _peak(format, threads, seconds)
    bandwidths = {}
    for level, size in _cache_sizes().items():
        say(f"reading {level}")
        traffic = _core.roofline.Traffic(threads, size // 4)
        bandwidths[level] = _read_rate(traffic, threads * size, seconds)
    size = _main_memory() // threads // 4 * 4
    memory = _core.roofline.Traffic(threads, size // 4)
    say("reading DRAM")
    bandwidths["DRAM"] = _read_rate(memory, threads * size, seconds)
    say("copying")
    bandwidths["copy"] = 2 * threads * size / best_time(lambda: memory.copy(1), seconds)
    return Limits(threads, peaks, bandwidths)


def cache_bytes() -> dict[int, int]:
    """Sizes of the caches by level; usual ones where the system does not say."""
    found = dict(_USUAL)
    for folder in sorted(_CACHES.glob("index*")):
        try:
            kind, level = (folder / "type").read_text(), int((folder / "level").read_text())
            size = re.fullmatch(r"(\d+)([KM]?)", (folder / "size").read_text().strip())
        except (OSError, ValueError):
            continue
        if size and kind.strip() != "Instruction" and level in found:
            found[level] = int(size[1]) * _UNITS[size[2]]
    return found


def _main_memory() -> int:
    """Bytes that do not fit into the last cache, and leave most of the memory to others."""
    whole = (_core.capstone.system_info()["memory_mb"] or 4096) * KIB * KIB
    return int(min(max(256 * KIB * KIB, cache_bytes()[3] * 5 // 4), 1 << 30, whole // 16))


def _cache_sizes() -> dict[str, int]:
    """Bytes per thread that stay in a level and not in the one below."""
    caches = cache_bytes()
    third = min(caches[3] // 4 // _core.num_threads(), 8 * caches[2])
    sizes = {"L1": caches[1] * 2 // 3, "L2": caches[2] // 2, "L3": max(third, 2 * caches[2])}
    return {level: size // 4 * 4 for level, size in sizes.items()}


def _peak(format: str, threads: int, seconds: float) -> float:
    pieces = 8 * threads
    count = _core.roofline.count_multiply_adds(format, pieces)
    run = lambda: _core.roofline.count_multiply_adds(format, pieces)  # noqa: E731
    return 2 * count / best_time(run, seconds)


def _read_rate(traffic: _core.roofline.Traffic, size: int, seconds: float) -> float:
    passes = max(1, 32 * KIB * KIB // size)
    return passes * size / best_time(lambda: traffic.read(passes), seconds)
