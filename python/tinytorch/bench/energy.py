"""Joules, from the processor's own counters (RAPL, through Linux's powercap interface).

The counters cover whole processor packages: whatever else runs at the same time is counted, too.
Where a machine has none, or keeps them to its administrator, nothing is estimated: the reason is
reported instead. Virtual machines usually have none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
MIN_SECONDS = 0.2  # the counters move about once per millisecond


@dataclass(frozen=True)
class EnergyReading:
    """What `calls` calls took: `joules` of all packages together, over `seconds`."""

    joules: float
    calls: int
    seconds: float

    @property
    def joules_per_call(self) -> float:
        return self.joules / self.calls

    @property
    def watts(self) -> float:
        return self.joules / self.seconds


class EnergyMeter:
    """Reads the package counters under `root`.

    `unavailable` says why there is nothing to read, and is None where there is.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self._packages = sorted(p for p in root.glob("intel-rapl:*") if _is_package(p))
        self.unavailable = self._find_fault(root)

    def _find_fault(self, root: Path) -> str | None:
        if not self._packages:
            return f"this machine shows no energy counters ({root}/intel-rapl:*)"
        try:
            self._read()
        except PermissionError as error:
            return f"only root may read {error.filename}"
        except (OSError, ValueError) as error:
            return f"the energy counters cannot be read: {error}"
        return None

    def _read(self) -> list[int]:
        return [int((package / "energy_uj").read_text()) for package in self._packages]

    def measure(self, fn: Callable[[], Any], min_seconds: float = MIN_SECONDS) -> EnergyReading:
        """Calls `fn` for at least `min_seconds`. RuntimeError where there are no counters."""
        if self.unavailable is not None:
            raise RuntimeError(f"energy is not available: {self.unavailable}")
        calls, before, start = 0, self._read(), time.perf_counter()
        while True:
            fn()
            calls += 1
            seconds = time.perf_counter() - start
            if seconds >= min_seconds:
                break
        used = zip(self._packages, before, self._read(), strict=True)
        microjoules = sum(_difference(package, a, b) for package, a, b in used)
        return EnergyReading(microjoules / 1e6, calls, seconds)


def _is_package(folder: Path) -> bool:
    try:
        return (folder / "name").read_text().startswith("package")
    except OSError:
        return False


def _difference(package: Path, before: int, after: int) -> int:
    """A counter starts again from 0 behind its stated range."""
    if after >= before:
        return after - before
    return after - before + int((package / "max_energy_range_uj").read_text())
