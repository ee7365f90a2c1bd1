"""All benchmarks at once, with a Markdown report and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import plots
from .benchmark import Benchmark
from .result import BenchmarkResult

Results = dict[str, dict[str, BenchmarkResult]]

_TITLES = {
    "latency": "Latency (ms)",
    "accuracy": "Accuracy",
    "memory": "Memory (MB)",
    "energy": "Energy (J, estimated)",
}


class BenchmarkSuite:
    """Latency, accuracy, memory and energy of `models`; files go to `output_dir`."""

    def __init__(
        self,
        models: Sequence[Any],
        datasets: Sequence[Any],
        output_dir: Any = "benchmark_results",
    ) -> None:
        self.models = models
        self.datasets = datasets
        self.output_dir = Path(output_dir)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self.benchmark = Benchmark(models, datasets)
        self.results: Results = {}

    def run_full_benchmark(self) -> Results:
        self.results = measure_all(self.benchmark)
        return self.results

    def _estimate_energy_efficiency(self) -> dict[str, BenchmarkResult]:
        return energy_results(self.benchmark, self.results["latency"], self.results["memory"])

    def plot_results(self, save_plots: bool = True) -> None:
        """One bar chart per metric; a notice where matplotlib is missing or nothing was run."""
        plots.bars(self.results, _TITLES, self.output_dir if save_plots else None)

    def plot_pareto_frontier(self, x_metric: str = "latency", y_metric: str = "accuracy") -> None:
        """Models in the plane of two metrics; a notice where that isn't possible."""
        plots.scatter(self.results, x_metric, y_metric, self.output_dir)

    def generate_report(self) -> str:
        """The results as Markdown, also written to benchmark_report.md."""
        if not self.results:
            return "No benchmark results yet: call run_full_benchmark() first."
        lines = ["# Benchmark Report", "", "## System Information", ""]
        lines += [f"- {key}: {value}" for key, value in self.benchmark.system_info.items()]
        for metric, results in self.results.items():
            lines += ["", f"## {_TITLES.get(metric, metric)}", "", *_table(results)]
        lines += ["", "## Measured Energy", "", *_energy_lines(self.results.get("energy", {}))]
        lines += ["", "## Recommendations", "", *_recommendations(self.results)]
        text = "\n".join(lines) + "\n"
        (self.output_dir / "benchmark_report.md").write_text(text, encoding="utf-8")
        return text


def measure_all(benchmark: Benchmark) -> Results:
    """latency, accuracy, memory and energy of the benchmark's models."""
    results = {
        "latency": benchmark.run_latency_benchmark(),
        "accuracy": benchmark.run_accuracy_benchmark(),
        "memory": benchmark.run_memory_benchmark(),
    }
    results["energy"] = energy_results(benchmark, results["latency"], results["memory"])
    return results


def energy_results(
    benchmark: Benchmark,
    latency: dict[str, BenchmarkResult],
    memory: dict[str, BenchmarkResult],
) -> dict[str, BenchmarkResult]:
    """The course's estimate, 0.1 + 2 seconds + 0.01 MB per latency value, marked as one.

    What the machine's counters say stands beside it in the metadata: `measured_joules` of one
    forward pass, or `measurement_unavailable` with the reason.
    """
    energy = {}
    measured = benchmark.measure_energy()
    for name, result in latency.items():
        values = [0.1 + ms / 1000 * 2.0 + memory[name].mean * 0.01 for ms in result.values]
        metadata = {"estimated": "0.1 + 2 latency_s + 0.01 memory_mb", **measured[name]}
        energy[name] = BenchmarkResult(f"{name}_energy_joules", values, metadata)
    return energy


def _table(results: dict[str, BenchmarkResult]) -> list[str]:
    rows = ["| model | mean | std | 95 % interval | n | note |", "|---|---|---|---|---|---|"]
    for name, r in results.items():
        note = next((word for word in ("simulated", "estimated") if word in r.metadata), "measured")
        interval = f"{r.ci_lower:.4f} to {r.ci_upper:.4f}"
        rows.append(f"| {name} | {r.mean:.4f} | {r.std:.4f} | {interval} | {r.count} | {note} |")
    return rows


def _energy_lines(energy: dict[str, BenchmarkResult]) -> list[str]:
    lines = []
    for name, result in energy.items():
        joules = result.metadata.get("measured_joules")
        reason = result.metadata.get("measurement_unavailable")
        what = f"not available: {reason}" if joules is None else f"{joules:.3g} J per forward pass"
        lines.append(f"- {name}: {what}")
    return lines


def _recommendations(results: Results) -> list[str]:
    def best(metric: str, choose: Any) -> str:
        return choose(results[metric], key=lambda name: results[metric][name].mean)

    if not results["latency"]:
        return ["- No models were measured."]
    lines = [
        f"- Lowest latency: {best('latency', min)}",
        f"- Smallest memory: {best('memory', min)}",
        f"- Highest accuracy: {best('accuracy', max)}",
    ]
    if any("simulated" in result.metadata for result in results["accuracy"].values()):
        lines.append(
            "- Some accuracies stand in for a measurement: give models `evaluate(dataset)`."
        )
    return lines
