"""Profile one function call: time, memory and what came out."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..perf._memory import peak_bytes

MB = 1024 * 1024


class SimpleProfiler:
    """Measures single calls; see `profile`."""

    def __init__(self, track_memory: bool = True, track_cpu: bool = True) -> None:
        self.track_memory = track_memory
        self.track_cpu = track_cpu

    def profile(
        self,
        func: Callable[..., Any],
        *args: Any,
        name: str | None = None,
        warmup: bool = True,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Call `func` (once before, uncounted, with `warmup`) and describe the call.

        Gives name, wall_time (s), result, and with tracking: cpu_time (s), cpu_efficiency (CPU time
        per wall time), peak_memory_mb of a further call, memory and CPU information.
        """
        if warmup:
            func(*args, **kwargs)
        cpu = time.process_time()
        start = time.perf_counter_ns()
        result = func(*args, **kwargs)
        wall = max(time.perf_counter_ns() - start, 1) / 1e9
        cpu = time.process_time() - cpu
        profile: dict[str, Any] = {
            "name": name or getattr(func, "__name__", "call"),
            "wall_time": wall,
            "result": result,
            **self._get_array_info(result),
        }
        if self.track_cpu:
            profile |= {"cpu_time": cpu, "cpu_efficiency": cpu / wall, **self._get_cpu_info()}
        if self.track_memory:
            peak = peak_bytes(lambda: func(*args, **kwargs))
            profile |= {"peak_memory_mb": peak / MB, **self._get_memory_info()}
        return profile

    def _get_memory_info(self) -> dict[str, float]:
        """Highest resident memory of this process, MB."""
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"max_resident_mb": kilobytes / 1024}

    def _get_cpu_info(self) -> dict[str, int]:
        return {"cpu_count": os.cpu_count() or 1}

    def _get_array_info(self, result: Any) -> dict[str, Any]:
        """Shape, dtype and MB of an array or Tensor; empty for anything else."""
        array = result if isinstance(result, np.ndarray) else getattr(result, "data", None)
        if not isinstance(array, np.ndarray):
            return {}
        return {
            "result_shape": array.shape,
            "result_dtype": str(array.dtype),
            "result_size_mb": array.nbytes / MB,
        }

    def print_result(self, profile_result: dict[str, Any], show_details: bool = False) -> None:
        print(f"{profile_result['name']}: {profile_result['wall_time'] * 1000:.4f} ms")
        if not show_details:
            return
        for key, value in profile_result.items():
            if key not in ("name", "wall_time", "result"):
                print(f"  {key}: {value}")

    def get_capabilities(self) -> dict[str, bool]:
        return {"wall_time": True, "cpu_time": self.track_cpu, "memory": self.track_memory}


def profile_function(
    func: Callable[..., Any],
    *args: Any,
    name: str | None = None,
    show_details: bool = False,
    **kwargs: Any,
) -> dict[str, Any]:
    """Profile one call and print the result."""
    profiler = SimpleProfiler()
    result = profiler.profile(func, *args, name=name, **kwargs)
    profiler.print_result(result, show_details)
    return result
