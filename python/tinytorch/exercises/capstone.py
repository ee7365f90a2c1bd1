"""Checks of notebooks/01_capstone."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..capstone import BenchmarkReport, generate_submission, validate_submission_schema
from ._verdict import call, require, require_close


def _report(latency: float, size: float, accuracy: float) -> BenchmarkReport:
    report = BenchmarkReport("example")
    report.metrics = {
        "parameter_count": 1000,
        "model_size_mb": size,
        "accuracy": accuracy,
        "latency_ms_mean": latency,
        "latency_ms_std": 0.1,
        "throughput_samples_per_sec": 1000 / latency,
    }
    return report


def _improvements(answer: Any) -> str:
    for before, after in (((2.0, 8.0, 0.9), (0.5, 1.0, 0.875)), ((1.0, 3.0, 0.8), (4.0, 6.0, 0.9))):
        first, second = _report(*before), _report(*after)
        expected = generate_submission(first, second)["improvements"]
        got = call(answer, copy.copy(first.metrics), copy.copy(second.metrics))
        require(isinstance(got, dict), "return a dict")
        for key in ("speedup", "compression_ratio", "accuracy_delta"):
            require(key in got, f"{key} is missing")
            require_close(got[key], expected[key], key)
    return "the improvements that the validator would recompute"


def _robust_mean(answer: Any) -> str:
    rng = np.random.default_rng(3)
    calm = rng.normal(1.0, 0.01, 40)
    with_spikes = np.concatenate([calm, [9.0, 30.0]])
    for name, values in (("calm runs", calm), ("two runs disturbed", with_spikes)):
        middle = np.median(values)
        spread = 1.4826 * np.median(np.abs(values - middle))
        kept = values[np.abs(values - middle) <= 5 * spread]
        require_close(call(answer, values.copy()), kept.mean(), name, 1e-9)
    require_close(call(answer, np.full(5, 2.0)), 2.0, "equal runs (MAD is 0: drop nothing)")
    require_close(
        call(answer, np.array([2.0, 2.0, 2.0, 2.0, 4.0])), 2.4, "MAD 0: drop nothing", 1e-9
    )
    return "the mean of the runs that the reports keep"


def _smaller(answer: Any) -> str:
    validate_submission_schema(answer)
    require("improvements" in answer, "there is no optimized model in this submission")
    gained = answer["improvements"]
    ratio, lost = gained["compression_ratio"], -gained["accuracy_delta"]
    require(ratio >= 6, f"compression {ratio:.2f}; combine two techniques to reach 6")
    require(lost <= 0.02, f"it lost {100 * lost:.1f} points of accuracy; at most 2 are allowed")
    return f"valid, {ratio:.1f} times smaller, {100 * lost:+.1f} points of accuracy lost"


CHECKS = {"01.1": _improvements, "01.2": _robust_mean, "01.3": _smaller}
