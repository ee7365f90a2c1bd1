"""One metric's measurements and their statistics."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

_NORMAL_95 = 1.96


@dataclass(repr=False)
class BenchmarkResult:
    """Values of one metric. std is that of a sample; the interval is mean +- 1.96 std / sqrt(n)."""

    metric_name: str
    values: list[float]
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.values) == 0:
            raise ValueError(f"{self.metric_name!r} needs at least one measurement")
        numbers = [float(value) for value in self.values]
        self.count = len(numbers)
        self.mean = statistics.fmean(numbers)
        self.std = statistics.stdev(numbers) if self.count > 1 else 0.0
        self.median = statistics.median(numbers)
        self.min_val = min(numbers)
        self.max_val = max(numbers)
        margin = _NORMAL_95 * self.std / math.sqrt(self.count)
        self.ci_lower = self.mean - margin
        self.ci_upper = self.mean + margin

    def to_dict(self) -> dict[str, Any]:
        return {
            "metric_name": self.metric_name,
            "values": list(self.values),
            "mean": self.mean,
            "std": self.std,
            "median": self.median,
            "min": self.min_val,
            "max": self.max_val,
            "count": self.count,
            "ci_lower": self.ci_lower,
            "ci_upper": self.ci_upper,
            "metadata": self.metadata,
        }

    def __repr__(self) -> str:
        return (
            f"BenchmarkResult(metric_name={self.metric_name!r}, values={self.values!r}, "
            f"metadata={self.metadata!r})"
        )

    def __str__(self) -> str:
        return f"{self.metric_name}: {self.mean:.4f} ± {self.std:.4f} (n={self.count})"
