"""Benchmarks of models: latency, accuracy, memory, suites with a report, standard tasks.

What is measured is measured; what can't be is estimated or stands in, and says so in the result's
`metadata` and in reports.
"""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..perf.profiling import Profiler
from .benchmark import Benchmark
from .comparison import calculate_normalized_scores, compare_optimization_techniques
from .energy import EnergyMeter
from .events import OlympicEvent
from .harness import SubmissionHarness
from .plots import MATPLOTLIB_AVAILABLE
from .result import BenchmarkResult
from .settings import DEFAULT_MEASUREMENT_RUNS, DEFAULT_WARMUP_RUNS
from .suite import BenchmarkSuite
from .timer import precise_timer
from .tinymlperf import TinyMLPerf

__all__ = [
    "DEFAULT_MEASUREMENT_RUNS",
    "DEFAULT_WARMUP_RUNS",
    "MATPLOTLIB_AVAILABLE",
    "Benchmark",
    "BenchmarkReport",
    "BenchmarkResult",
    "BenchmarkSuite",
    "EnergyMeter",
    "OlympicEvent",
    "Profiler",
    "SubmissionHarness",
    "Tensor",
    "TinyMLPerf",
    "calculate_normalized_scores",
    "compare_optimization_techniques",
    "precise_timer",
]


def __getattr__(name: str) -> Any:
    if name == "BenchmarkReport":  # the capstone's; loaded when asked for
        from ..capstone import BenchmarkReport

        return BenchmarkReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
