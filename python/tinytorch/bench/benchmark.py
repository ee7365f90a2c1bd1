"""Latency, accuracy and memory of several models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..perf._inputs import first_accepted, sample_inputs
from ..perf._timing import median_ms, samples_ms
from ..perf.profiling import Profiler
from .energy import EnergyMeter
from .result import BenchmarkResult
from .settings import DEFAULT_MEASUREMENT_RUNS, DEFAULT_WARMUP_RUNS, model_name, system_info

DEFAULT_SHAPE = (1, 28, 28)


class Benchmark:
    """Runs the same measurements over `models`; results are keyed by each model's name."""

    def __init__(
        self,
        models: Sequence[Any] | None = None,
        datasets: Sequence[Any] | None = None,
        warmup_runs: int = DEFAULT_WARMUP_RUNS,
        measurement_runs: int = DEFAULT_MEASUREMENT_RUNS,
    ) -> None:
        self.models = [] if models is None else models
        self.datasets = [] if datasets is None else datasets
        self.warmup_runs = warmup_runs
        self.measurement_runs = measurement_runs
        self.results: dict[str, dict[str, BenchmarkResult]] = {}
        self.profiler = Profiler()
        self.system_info = system_info()

    def _named_models(self) -> list[tuple[str, Any]]:
        return [(model_name(model, index), model) for index, model in enumerate(self.models)]

    def run_latency_benchmark(
        self, input_shape: Sequence[int] = DEFAULT_SHAPE
    ) -> dict[str, BenchmarkResult]:
        """Milliseconds of one forward pass, one value per run, after the warm-up."""
        results = {}
        for name, model in self._named_models():
            x, _ = first_accepted(model.forward, sample_inputs(input_shape))
            values = samples_ms(partial(model.forward, x), self.warmup_runs, self._runs())
            metadata = {
                "input_shape": tuple(input_shape),
                "warmup_runs": self.warmup_runs,
                **self.system_info,
            }
            results[name] = BenchmarkResult(f"{name}_latency_ms", values, metadata)
        self.results["latency"] = results
        return results

    def run_accuracy_benchmark(self) -> dict[str, BenchmarkResult]:
        """`model.evaluate(dataset)` for each dataset.

        A model without `evaluate`, or whose evaluation fails, gets a stand-in value for that
        dataset; its index and reason are listed in `metadata["simulated"]`.
        """
        results = {}
        for index, (name, model) in enumerate(self._named_models()):
            values, simulated = [], {}
            for number, dataset in enumerate(self.datasets or [None]):
                try:
                    values.append(_evaluate(model, dataset))
                except Exception as error:  # the contract: any failure falls back
                    values.append(_stand_in(index))
                    simulated[number] = f"{type(error).__name__}: {error}"
            metadata = dict(self.system_info)
            if simulated:
                metadata["simulated"] = simulated
            results[name] = BenchmarkResult(f"{name}_accuracy", values, metadata)
        self.results["accuracy"] = results
        return results

    def run_memory_benchmark(
        self, input_shape: Sequence[int] = DEFAULT_SHAPE
    ) -> dict[str, BenchmarkResult]:
        """MB (2^20 bytes) at the peak of one forward pass, parameters included."""
        results = {}
        for name, model in self._named_models():
            values = [
                self.profiler.measure_memory(model, input_shape)["peak_memory_mb"]
                for _ in range(self._runs())
            ]
            metadata = {"input_shape": tuple(input_shape), **self.system_info}
            results[name] = BenchmarkResult(f"{name}_memory_mb", values, metadata)
        self.results["memory"] = results
        return results

    def measure_energy(
        self, input_shape: Sequence[int] = DEFAULT_SHAPE, meter: EnergyMeter | None = None
    ) -> dict[str, dict[str, Any]]:
        """Per model: {measured_joules: of one forward pass, measured_watts, measured_calls}.

        Where the machine gives no energy: {measurement_unavailable: the reason}.
        """
        meter = EnergyMeter() if meter is None else meter
        results: dict[str, dict[str, Any]] = {}
        for name, model in self._named_models():
            if meter.unavailable is not None:
                results[name] = {"measurement_unavailable": meter.unavailable}
                continue
            x, _ = first_accepted(model.forward, sample_inputs(input_shape))
            reading = meter.measure(partial(model.forward, x))
            results[name] = {
                "measured_joules": reading.joules_per_call,
                "measured_watts": reading.watts,
                "measured_calls": reading.calls,
            }
        return results

    def compare_models(self, metric: str = "latency") -> list[dict[str, Any]]:
        """One row per model for "latency", "accuracy" or "memory"."""
        runs = {
            "latency": self.run_latency_benchmark,
            "accuracy": self.run_accuracy_benchmark,
            "memory": self.run_memory_benchmark,
        }
        if metric not in runs:
            raise ValueError(f"Unknown metric {metric!r}: use one of {', '.join(runs)}")
        return [
            {
                "model": name,
                "metric": metric,
                "mean": result.mean,
                "std": result.std,
                "ci_lower": result.ci_lower,
                "ci_upper": result.ci_upper,
                "count": result.count,
            }
            for name, result in runs[metric]().items()
        ]

    def measure_latency(
        self, model: Any, x: Any, warmup: int | None = None, iterations: int | None = None
    ) -> float:
        """Median milliseconds of `model.forward(x)`."""
        warmup = self.warmup_runs if warmup is None else warmup
        return median_ms(lambda: model.forward(x), warmup, iterations or self._runs())

    def _runs(self) -> int:
        return max(1, self.measurement_runs)


def _evaluate(model: Any, dataset: Any) -> float:
    if not hasattr(model, "evaluate"):
        raise TypeError("the model has no evaluate(dataset)")
    if dataset is None:
        raise ValueError("no dataset was given")
    score = model.evaluate(dataset)
    if isinstance(score, (tuple, list)):  # (loss, accuracy)
        score = score[-1]
    return float(score)


def _stand_in(index: int) -> float:
    """0.85 + 0.05 index with a little noise, in [0, 1]: no measurement, and marked as such."""
    return float(np.clip(0.85 + 0.05 * index + np.random.normal(0, 0.01), 0.0, 1.0))
