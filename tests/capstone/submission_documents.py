"""Submissions to test with: valid ones of every kind, and ways to break them."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

METRICS_SIX = {
    "parameter_count": 283,
    "model_size_mb": 1132 / 2**20,
    "accuracy": 0.5,
    "latency_ms_mean": 0.125,
    "latency_ms_std": 0.01,
    "throughput_samples_per_sec": 8000.0,
}
METRICS_FOUR = {key: METRICS_SIX[key] for key in list(METRICS_SIX)[:4]}
METRICS_ALL = {
    **METRICS_SIX,
    "latency_ms_p50": 0.12,
    "latency_ms_p90": 0.13,
    "latency_ms_p99": 0.2,
    "latency_ms_min": 0.1,
    "latency_ms_ci95_low": 0.12,
    "latency_ms_ci95_high": 0.13,
    "num_runs": 100,
    "outliers_dropped": 2,
    "calls_per_run": 4,
    "warmup_runs": 500,
    "batched_throughput_samples_per_sec": 1e6,
    "best_batch_size": 256,
    "peak_memory_mb": 0.002,
    "peak_memory_source": "allocator",
    "model_size_bytes": 1132,
    "size_source": "float32_parameters",
}


def course_form() -> dict[str, Any]:
    """As the course writes it: no schema_version, a space in the timestamp, six metrics."""
    return {
        "tinytorch_version": "0.1.0",
        "submission_type": "capstone_benchmark",
        "timestamp": "2025-11-21 10:05:03",
        "system_info": {"platform": "Linux", "python_version": "3.11.4", "numpy_version": "2.0"},
        "baseline": {"model_name": "mlp", "metrics": dict(METRICS_SIX)},
    }


def compared(metrics: dict[str, Any] = METRICS_SIX) -> dict[str, Any]:
    """With an optimized model: half the latency, a quarter of the size, 0.25 less accurate."""
    document = course_form()
    document["baseline"]["metrics"] = dict(metrics)
    better = dict(metrics)
    better["latency_ms_mean"] /= 2
    better["model_size_mb"] /= 4
    better["accuracy"] -= 0.25
    if "model_size_bytes" in better:
        better["model_size_bytes"] //= 4
    document["optimized"] = {
        "model_name": "mlp int8",
        "metrics": better,
        "techniques_applied": ["int8", "pruning"],
    }
    document["improvements"] = {"speedup": 2.0, "compression_ratio": 4.0, "accuracy_delta": -0.25}
    return document


def current_form() -> dict[str, Any]:
    document = compared(METRICS_ALL)
    document["schema_version"] = "1.1"
    document["student_name"] = "Ada"
    document["timestamp"] = "2025-11-21T10:05:03+00:00"
    document["system_info"].update(cpu="x", isa="avx2", threads=2, memory_mb=4096)
    return document


def valid_documents() -> list[dict[str, Any]]:
    return [course_form(), compared(METRICS_FOUR), compared(), current_form()]


JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 2, 283, 2**31, 2**53 + 1, -(2**63), 2**64 - 1,
    0.0, -0.0, 0.5, 1.0, 1.5, -0.25, 4.0, 283.0, 5e-324, 1e308,
    math.nan, math.inf, -math.inf,
    "", "1", "x", "1.1", "1.0", "2.0", "capstone_benchmark", "rss", "2025-11-21",
    "2025-02-31 10:00:00",
    "2025-11-21T10:05:03.123456Z", "2025-11-21\n", "2025-11-21 25:00:00", "é" * 41, "\x00",
    [], [1], ["a"], [[]], {}, {"a": 1}, {"metrics": {}, "model_name": ""},
]  # fmt: skip


def places(document: Any) -> list[tuple[Any, Any]]:
    """(container, key or index) of every value below the top."""
    found, stack = [], [document]
    while stack:
        here = stack.pop()
        keys = here if isinstance(here, dict) else range(len(here))
        for key in list(keys):
            found.append((here, key))
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])
    return found


def mutate(document: Any, random_: random.Random) -> Any:
    """A copy with one to three values replaced, dropped, added, retyped, scaled or wrapped."""
    document = copy.deepcopy(document)
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        candidates = places(document)
        if not candidates:
            break
        container, key = random_.choice(candidates)
        value = container[key]
        change = random_.randrange(7)
        if change == 0:
            del container[key]
        elif change == 1:
            container[key] = retyped(value)
        elif change == 2 and isinstance(value, (int, float)) and not isinstance(value, bool):
            container[key] = value * random_.choice((0, -1, 0.5, 2, 1e6, 1.00001, 1.001))
        elif change == 3 and isinstance(container, dict):
            container[random_.choice(("extra", "x y", "accuracy", "metrics"))] = junk(random_)
        elif change == 4:
            container[key] = random_.choice(([value], {"value": value}))
        else:
            container[key] = junk(random_)
    return document


def junk(random_: random.Random) -> Any:
    return copy.deepcopy(random_.choice(JUNK))


def retyped(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 2**63 else str(value)
    if isinstance(value, str):
        return [value]
    return str(value)
