"""Module 19: results, benchmark and suite in plain NumPy, on the package's Profiler."""

# %%
import json
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

import tinytorch.bench as package
from tinytorch.core.tensor import Tensor
from tinytorch.perf.profiling import Profiler


# %%
class OlympicEvent(Enum):
    LATENCY_SPRINT = "latency_sprint"
    MEMORY_CHALLENGE = "memory_challenge"
    ACCURACY_CONTEST = "accuracy_contest"
    ALL_AROUND = "all_around"
    EXTREME_PUSH = "extreme_push"


@dataclass
class BenchmarkResult:
    metric_name: str
    values: list
    metadata: dict = field(default_factory=dict)

    def __post_init__(self):
        if not self.values:
            raise ValueError("BenchmarkResult requires at least one measurement.")
        self.mean = statistics.mean(self.values)
        self.std = statistics.stdev(self.values) if len(self.values) > 1 else 0.0
        self.median = statistics.median(self.values)
        self.min_val, self.max_val = min(self.values), max(self.values)
        self.count = len(self.values)
        margin = 1.96 * self.std / np.sqrt(self.count) if self.count > 1 else 0.0
        self.ci_lower, self.ci_upper = self.mean - margin, self.mean + margin

    def to_dict(self):
        return {
            "metric_name": self.metric_name, "values": self.values, "mean": self.mean,
            "std": self.std, "median": self.median, "min": self.min_val, "max": self.max_val,
            "count": self.count, "ci_lower": self.ci_lower, "ci_upper": self.ci_upper,
            "metadata": self.metadata,
        }  # fmt: skip

    def __str__(self):
        return f"{self.metric_name}: {self.mean:.4f} ± {self.std:.4f} (n={self.count})"


@contextmanager
def precise_timer():
    class Timer:
        elapsed = 0.0

    timer = Timer()
    start = time.perf_counter()
    try:
        yield timer
    finally:
        timer.elapsed = time.perf_counter() - start


class Benchmark:
    def __init__(self, models, datasets, warmup_runs=5, measurement_runs=10):
        self.models, self.datasets = models, datasets
        self.warmup_runs, self.measurement_runs = warmup_runs, measurement_runs
        self.results, self.profiler = {}, Profiler()

    def named(self):
        return [(getattr(m, "name", f"model_{i}"), m) for i, m in enumerate(self.models)]

    def run_latency_benchmark(self, input_shape=(1, 28, 28)):
        results = {}
        for name, model in self.named():
            x = Tensor(np.random.randn(*input_shape))
            self.profiler.measure_latency(model, x, self.warmup_runs, 1)
            values = [
                self.profiler.measure_latency(model, x, warmup=0, iterations=1)
                for _ in range(self.measurement_runs)
            ]
            results[name] = BenchmarkResult(f"{name}_latency_ms", values)
        return results

    def run_accuracy_benchmark(self):
        return {
            name: BenchmarkResult(
                f"{name}_accuracy", [model.evaluate(dataset) for dataset in self.datasets]
            )
            for name, model in self.named()
        }

    def run_memory_benchmark(self, input_shape=(1, 28, 28)):
        return {
            name: BenchmarkResult(
                f"{name}_memory_mb",
                [self.profiler.measure_memory(model, input_shape)["peak_memory_mb"]],
            )
            for name, model in self.named()
        }

    def compare_models(self, metric="latency"):
        run = {"latency": self.run_latency_benchmark, "accuracy": self.run_accuracy_benchmark,
               "memory": self.run_memory_benchmark}  # fmt: skip
        if metric not in run:
            raise ValueError(f"Unknown metric: {metric}")
        keys = ("mean", "std", "ci_lower", "ci_upper", "count")
        return [
            {"model": name, "metric": metric, **{key: getattr(result, key) for key in keys}}
            for name, result in run[metric]().items()
        ]


# %%
class MockModel:
    """Its forward returns its input; its weights are small."""

    def __init__(self, name=None, score=0.9, size=10):
        if name is not None:
            self.name = name
        self.score, self.weight = score, Tensor(np.ones((size, size)))

    def forward(self, x):
        return x

    def evaluate(self, dataset):
        return self.score - 0.1 * dataset

    def parameters(self):
        return [self.weight]


class NoEvaluation:
    def forward(self, x):
        return x


class Predicts:
    def predict(self, x):
        assert isinstance(x, np.ndarray)
        return np.ones((1, 4))


def same_statistics(own, other):
    for key in ("mean", "std", "median", "min_val", "max_val", "count", "ci_lower", "ci_upper"):
        assert np.isclose(getattr(own, key), getattr(other, key)), key


def test_unit_result():
    for values in ([1.0, 2, 3], [5.0], [1, 2, 3, 4], list(np.random.default_rng(0).random(50))):
        own, other = BenchmarkResult("m", values), package.BenchmarkResult("m", values)
        same_statistics(own, other)
        assert str(own) == str(other)
        assert set(own.to_dict()) == set(other.to_dict())
        assert other == package.BenchmarkResult("m", values)
        assert other != package.BenchmarkResult("n", values)
        assert repr(own) == repr(other)
        json.dumps(other.to_dict())
    assert package.BenchmarkResult("m", [1.0]).metadata == {}
    assert package.BenchmarkResult("m", [1.0], {"a": 1}).metadata["a"] == 1
    assert (
        package.BenchmarkResult("a", [1]).metadata is not package.BenchmarkResult("a", [1]).metadata
    )
    for cls in (BenchmarkResult, package.BenchmarkResult):
        try:
            cls("m", [])
        except ValueError as error:
            assert "at least one measurement" in str(error)
        else:
            raise AssertionError("no values")
    assert {e.name: e.value for e in OlympicEvent} == {
        e.name: e.value for e in package.OlympicEvent
    }


def test_unit_timer():
    for timer_cls in (precise_timer, package.precise_timer):
        with timer_cls() as timer:
            time.sleep(0.002)
        assert timer.elapsed >= 0.002
        try:
            with timer_cls() as timer:
                raise KeyError
        except KeyError:
            assert timer.elapsed > 0


def test_unit_benchmark():
    models = [MockModel("fast"), MockModel("big", 0.8, 200)]
    own = Benchmark(models, [0, 1, 2], 1, 4)
    other = package.Benchmark(models, [0, 1, 2], warmup_runs=1, measurement_runs=4)
    for run in ("run_latency_benchmark", "run_memory_benchmark", "run_accuracy_benchmark"):
        mine, theirs = getattr(own, run)(), getattr(other, run)()
        assert list(mine) == list(theirs) == ["fast", "big"]
        for name, result in theirs.items():
            assert isinstance(result, package.BenchmarkResult)
            assert result.metric_name == mine[name].metric_name
            assert result.mean > 0
    for name in mine:
        same_statistics(mine[name], theirs[name])
    latency = other.run_latency_benchmark(input_shape=(2, 5))
    assert len(latency["fast"].values) == 4
    assert all(v > 0 for v in latency["fast"].values)
    assert tuple(latency["fast"].metadata["input_shape"]) == (2, 5)
    memory = other.run_memory_benchmark((1, 4))
    assert memory["big"].mean > memory["fast"].mean
    for metric in ("latency", "accuracy", "memory"):
        mine, theirs = own.compare_models(metric), other.compare_models(metric)
        assert [set(row) for row in mine] == [set(row) for row in theirs]
        assert [row["model"] for row in theirs] == ["fast", "big"]
    for benchmark in (own, other):
        try:
            benchmark.compare_models("beauty")
        except ValueError as error:
            assert "Unknown metric" in str(error)
        else:
            raise AssertionError("an unknown metric")
    unnamed = package.Benchmark([NoEvaluation(), MockModel()], ["d"]).run_accuracy_benchmark()
    assert list(unnamed) == ["model_0", "model_1"]
    assert all(0 <= r.mean <= 1 for r in unnamed.values())


def test_unit_suite(folder):
    target = Path(folder) / "out"
    suite = package.BenchmarkSuite([MockModel("a"), MockModel("b", 0.7)], [0], output_dir=target)
    assert target.is_dir()
    assert isinstance(suite.generate_report(), str)
    results = suite.run_full_benchmark()
    assert set(results) == {"latency", "accuracy", "memory", "energy"}
    for name, energy in results["energy"].items():
        assert isinstance(energy, package.BenchmarkResult)
        assert energy.mean > 0, name
    report = suite.generate_report()
    for heading in ("Benchmark Report", "System Information", "Recommendations"):
        assert heading in report
    assert (target / "benchmark_report.md").read_text(encoding="utf-8") == report


def test_unit_tinymlperf(folder):
    perf = package.TinyMLPerf(random_seed=1)
    assert perf.benchmarks["anomaly_detection"]["input_shape"] == (1, 640)
    seen = []

    class Model:
        name = "mine"

        def forward(self, x):
            seen.append((type(x), x.dtype, x.shape))
            return np.random.rand(2)

    result = perf.run_standard_benchmark(Model(), "keyword_spotting", num_runs=5)
    assert set(seen) == {(np.ndarray, np.dtype(np.float32), (1, 16000))}
    assert 0 <= result["accuracy"] <= 1
    assert result["model_name"] == "mine"
    assert result["p50_latency_ms"] <= result["p99_latency_ms"] <= result["max_latency_ms"]
    assert result["compliant"] == (result["accuracy_met"] and result["latency_met"])
    for model in (Predicts(), lambda x: x.sum()):
        assert perf.run_standard_benchmark(model, "anomaly_detection", 2)["num_runs"] == 2
    results = {"keyword_spotting": result, "anomaly_detection": {"error": "none"}}
    path = os.path.join(folder, "report.json")  # noqa: PTH118
    summary = perf.generate_compliance_report(results, output_path=path)
    assert "TinyMLPerf Compliance Report" in summary
    assert "Compliance Rate" in summary
    assert json.loads(Path(path).read_text(encoding="utf-8"))
    assert (Path(folder) / "report_summary.md").exists()
    try:
        perf.run_standard_benchmark(Model(), "chess")
    except ValueError as error:
        assert "Unknown benchmark" in str(error)
    else:
        raise AssertionError("an unknown benchmark")


def test_own_subclass():
    class Quick(package.Benchmark):
        def run_latency_benchmark(self, input_shape=(1, 4)):
            return super().run_latency_benchmark(input_shape)

    rows = Quick([MockModel("x")], [], 0, 2).compare_models("latency")
    assert rows[0]["count"] == 2


def test_module():
    test_unit_result()
    test_unit_timer()
    test_unit_benchmark()
    with tempfile.TemporaryDirectory() as folder:
        test_unit_suite(folder)
        test_unit_tinymlperf(folder)
    test_own_subclass()
    print("module 19: all checks passed")


if __name__ == "__main__":
    test_module()
