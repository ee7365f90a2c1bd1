"""Older path of `tinytorch.bench`."""

from ..bench import (
    DEFAULT_MEASUREMENT_RUNS,
    DEFAULT_WARMUP_RUNS,
    Benchmark,
    BenchmarkResult,
    BenchmarkSuite,
    OlympicEvent,
    TinyMLPerf,
    calculate_normalized_scores,
    compare_optimization_techniques,
    precise_timer,
)

__all__ = [
    "DEFAULT_MEASUREMENT_RUNS",
    "DEFAULT_WARMUP_RUNS",
    "Benchmark",
    "BenchmarkResult",
    "BenchmarkSuite",
    "OlympicEvent",
    "TinyMLPerf",
    "calculate_normalized_scores",
    "compare_optimization_techniques",
    "precise_timer",
]
