"""Older path of `tinytorch.perf.profiling`."""

from ..perf.profiling import (
    BYTES_PER_FLOAT32,
    KB_TO_BYTES,
    MB_TO_BYTES,
    Profiler,
    analyze_weight_distribution,
    quick_profile,
)

__all__ = [
    "BYTES_PER_FLOAT32",
    "KB_TO_BYTES",
    "MB_TO_BYTES",
    "Profiler",
    "analyze_weight_distribution",
    "quick_profile",
]
