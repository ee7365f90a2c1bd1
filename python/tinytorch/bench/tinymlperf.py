"""Four standard tiny-device tasks: input sizes, accuracy targets and latency limits.

The tasks' own data sets are not part of this package. Inputs are random numbers of the right shape
and labels are random classes, so latency is a measurement of the model while accuracy only shows
that predictions are made; results carry `"data": "synthetic"`, and the report says it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..perf._timing import samples_ms
from .settings import model_name, system_info

_WARMUP = 5
_EVALUATED = 100


class TinyMLPerf:
    """Runs models on the tasks in `benchmarks`, reproducibly from `random_seed`."""

    def __init__(self, random_seed: int = 42) -> None:
        self.random_seed = random_seed
        np.random.seed(random_seed)
        self.benchmarks: dict[str, dict[str, Any]] = {
            "keyword_spotting": _task((1, 16000), 0.90, 100, "spoken words in one second of sound"),
            "visual_wake_words": _task((1, 96, 96, 3), 0.80, 200, "is a person in the image"),
            "anomaly_detection": _task((1, 640), 0.85, 50, "unusual machine sounds"),
            "image_classification": _task((1, 32, 32, 3), 0.75, 150, "small colour images"),
        }

    def run_standard_benchmark(
        self, model: Any, benchmark_name: str, num_runs: int = 100
    ) -> dict[str, Any]:
        """Latency percentiles and accuracy of one task, against its limits."""
        if benchmark_name not in self.benchmarks:
            known = ", ".join(self.benchmarks)
            raise ValueError(f"Unknown benchmark {benchmark_name!r}: use one of {known}")
        task = self.benchmarks[benchmark_name]
        call = _callable(model)
        x = np.random.randn(*task["input_shape"]).astype(np.float32)
        latencies = samples_ms(lambda: call(x), _WARMUP, num_runs)
        p50, p90, p99 = (float(np.percentile(latencies, p)) for p in (50, 90, 99))
        mean = float(np.mean(latencies))
        accuracy = _accuracy_on_random(call, task["input_shape"], min(num_runs, _EVALUATED))
        accuracy_met = accuracy >= task["target_accuracy"]
        latency_met = mean <= task["max_latency_ms"]
        return {
            "benchmark_name": benchmark_name,
            "model_name": model_name(model),
            "accuracy": accuracy,
            "data": "synthetic",
            "mean_latency_ms": mean,
            "std_latency_ms": float(np.std(latencies)),
            "p50_latency_ms": p50,
            "p90_latency_ms": p90,
            "p99_latency_ms": p99,
            "max_latency_ms": float(np.max(latencies)),
            "throughput_fps": 1000.0 / mean,
            "target_accuracy": task["target_accuracy"],
            "target_latency_ms": task["max_latency_ms"],
            "accuracy_met": bool(accuracy_met),
            "latency_met": bool(latency_met),
            "compliant": bool(accuracy_met and latency_met),
            "num_runs": num_runs,
            "random_seed": self.random_seed,
        }

    def run_all_benchmarks(self, model: Any) -> dict[str, dict[str, Any]]:
        """Every task; one that the model cannot do gives {"error": ...}."""
        results: dict[str, dict[str, Any]] = {}
        for name in self.benchmarks:
            try:
                results[name] = self.run_standard_benchmark(model, name)
            except Exception as error:  # the model's own failure, reported per task
                results[name] = {"error": f"{type(error).__name__}: {error}"}
        return results

    def generate_compliance_report(
        self,
        results: dict[str, dict[str, Any]],
        output_path: Any = "tinymlperf_report.json",
    ) -> str:
        """Write results as JSON and a summary beside it (…_summary.md); returns the summary."""
        path = Path(output_path)
        done = {name: r for name, r in results.items() if "error" not in r}
        compliant = sum(bool(r["compliant"]) for r in done.values())
        rate = compliant / len(done) if done else 0.0
        report = {
            "random_seed": self.random_seed,
            "system_info": system_info(),
            "summary": {"run": len(done), "compliant": compliant, "compliance_rate": rate},
            "results": results,
        }
        path.write_text(json.dumps(report, indent=2), encoding="utf-8")
        text = _summary(results, compliant, len(done), rate)
        path.with_name(f"{path.stem}_summary.md").write_text(text, encoding="utf-8")
        return text


def _task(
    shape: tuple[int, ...], accuracy: float, latency: float, description: str
) -> dict[str, Any]:
    return {
        "input_shape": shape,
        "target_accuracy": accuracy,
        "max_latency_ms": latency,
        "description": description,
    }


def _callable(model: Any) -> Callable[[np.ndarray], Any]:
    for name in ("forward", "predict"):
        if hasattr(model, name):
            model = getattr(model, name)
            break
    if callable(model):
        call: Callable[[np.ndarray], Any] = model
        return call
    raise TypeError(f"{type(model).__name__} has no forward or predict and is not callable")


def _accuracy_on_random(call: Any, shape: tuple[int, ...], count: int) -> float:
    """Share of random inputs whose predicted class equals a random label."""
    hits = 0
    for _ in range(max(1, count)):
        scores = np.asarray(call(np.random.randn(*shape).astype(np.float32))).ravel()
        if scores.size:
            hits += int(np.argmax(scores)) == np.random.randint(scores.size)
    return hits / max(1, count)


def _summary(results: dict[str, Any], compliant: int, run: int, rate: float) -> str:
    lines = [
        "# TinyMLPerf Compliance Report",
        "",
        f"Compliance Rate: {rate:.0%} ({compliant} of {run} tasks)",
        "",
        "Inputs and labels are random: latency is measured, accuracy is at chance level by design.",
        "",
        "| task | accuracy | mean latency (ms) | compliant |",
        "|---|---|---|---|",
    ]
    for name, r in results.items():
        if "error" in r:
            lines.append(f"| {name} | - | - | error: {r['error']} |")
        else:
            answer = "yes" if r["compliant"] else "no"
            accuracy, latency = f"{r['accuracy']:.3f}", f"{r['mean_latency_ms']:.3f}"
            lines.append(f"| {name} | {accuracy} | {latency} | {answer} |")
    return "\n".join(lines) + "\n"
