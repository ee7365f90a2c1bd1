"""Optimized models against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .benchmark import Benchmark
from .suite import measure_all

_METRICS = ("latency", "accuracy", "memory", "energy")


def calculate_normalized_scores(
    baseline_results: dict[str, float], optimized_results: dict[str, float]
) -> dict[str, float]:
    """Ratios of two results with `latency`, `memory` and `accuracy`.

    speedup and compression_ratio are baseline / optimized, accuracy_delta is optimized - baseline,
    efficiency_score is sqrt(speedup compression_ratio) times the share of the accuracy kept.
    """
    speedup = _ratio(baseline_results["latency"], optimized_results["latency"])
    compression = _ratio(baseline_results["memory"], optimized_results["memory"])
    before, after = baseline_results["accuracy"], optimized_results["accuracy"]
    kept = after / before if before else 1.0
    return {
        "speedup": speedup,
        "compression_ratio": compression,
        "accuracy_delta": after - before,
        "efficiency_score": (speedup * compression) ** 0.5 * kept,
    }


def compare_optimization_techniques(
    base_model: Any, optimized_models: Sequence[Any], datasets: Sequence[Any]
) -> dict[str, Any]:
    """Measure all models alike; improvements per optimized model, and which suits which need.

    Accuracy of models without `evaluate` is a stand-in (see Benchmark.run_accuracy_benchmark).
    """
    benchmark = Benchmark([base_model, *optimized_models], datasets)
    metrics = _measure(benchmark)
    base_name, *names = list(metrics)
    base = metrics[base_name]
    improvements = {name: _improvement(base, metrics[name]) for name in names}
    efficiency = {
        name: {
            "accuracy_per_mb": _ratio(values["accuracy"], values["memory"]),
            "accuracy_per_ms": _ratio(values["accuracy"], values["latency"]),
        }
        for name, values in metrics.items()
    }
    return {
        "base_model": base_name,
        "base_metrics": base,
        "optimized_results": {name: metrics[name] for name in names},
        "improvements": improvements,
        "efficiency_metrics": efficiency,
        "recommendations": _recommend(improvements),
    }


def _measure(benchmark: Benchmark) -> dict[str, dict[str, float]]:
    results = measure_all(benchmark)
    return {name: {m: results[m][name].mean for m in _METRICS} for name in results["latency"]}


def _improvement(base: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {
        "latency_speedup": _ratio(base["latency"], other["latency"]),
        "memory_speedup": _ratio(base["memory"], other["memory"]),
        "energy_speedup": _ratio(base["energy"], other["energy"]),
        "accuracy_retention": _ratio(other["accuracy"], base["accuracy"]),
    }


def _recommend(improvements: dict[str, dict[str, float]]) -> dict[str, dict[str, str]]:
    needs = {
        "for_latency_critical": ("latency_speedup", "the fastest", "answers while someone waits"),
        "for_memory_constrained": ("memory_speedup", "the smallest", "small devices"),
        "for_accuracy_preservation": ("accuracy_retention", "the most accurate", "costly errors"),
    }
    chosen = {
        need: _choice(improvements, lambda v, k=key: v[k], reason, use)
        for need, (key, reason, use) in needs.items()
    }
    chosen["for_balanced_deployment"] = _choice(
        improvements,
        lambda v: (v["latency_speedup"] * v["memory_speedup"]) ** 0.5 * v["accuracy_retention"],
        "the best mix of speed, size and accuracy",
        "general use",
    )
    return chosen


def _choice(improvements: dict[str, Any], score: Any, reason: str, use: str) -> dict[str, str]:
    best = max(improvements, key=lambda name: score(improvements[name]), default="")
    return {"model": best, "reason": reason, "use_case": use}


def _ratio(a: float, b: float) -> float:
    return a / b if b else (1.0 if a == b else float("inf"))
