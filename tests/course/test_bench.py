"""Benchmarks (contract 21)."""

import time

import numpy as np
import pytest

from tinytorch import Linear, Tensor, bench
from tinytorch.bench import Benchmark, BenchmarkResult, BenchmarkSuite, OlympicEvent


class Model:
    def __init__(self, name=None, accuracy=None):
        if name is not None:
            self.name = name
        if accuracy is not None:
            self.evaluate = lambda dataset: accuracy

    def forward(self, x):
        return x

    def parameters(self):
        return [Tensor(np.ones(100))]


def test_events():
    assert OlympicEvent("extreme_push") is OlympicEvent.EXTREME_PUSH


def test_timer():
    with bench.precise_timer() as timer:
        time.sleep(0.01)
    assert 0.01 <= timer.elapsed < 5
    with pytest.raises(KeyError), bench.precise_timer() as timer:
        raise KeyError
    assert timer.elapsed > 0


def test_result():
    result = BenchmarkResult("speed", [1.0, 2.0, 3.0])
    assert (result.mean, result.std, result.median, result.count) == (2.0, 1.0, 2.0, 3)
    assert (result.min_val, result.max_val) == (1.0, 3.0)
    margin = 1.96 / np.sqrt(3)
    assert result.ci_lower == pytest.approx(2 - margin)
    assert result.ci_upper == pytest.approx(2 + margin)
    assert str(result) == "speed: 2.0000 ± 1.0000 (n=3)"
    assert result == BenchmarkResult("speed", [1.0, 2.0, 3.0])
    assert result != BenchmarkResult("speed", [1.0, 2.0])
    assert (
        repr(result) == "BenchmarkResult(metric_name='speed', values=[1.0, 2.0, 3.0], metadata={})"
    )
    assert result.to_dict() == {
        "metric_name": "speed",
        "values": [1.0, 2.0, 3.0],
        "mean": 2.0,
        "std": 1.0,
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "count": 3,
        "ci_lower": result.ci_lower,
        "ci_upper": result.ci_upper,
        "metadata": {},
    }
    single = BenchmarkResult("one", [4.0], {"a": 1})
    assert (single.std, single.ci_lower, single.ci_upper) == (0.0, 4.0, 4.0)
    with pytest.raises(ValueError, match="at least one measurement"):
        BenchmarkResult("none", [])


def test_attributes():
    models, datasets = [Model()], [[]]
    benchmark = Benchmark(models, datasets)
    assert benchmark.models is models
    assert benchmark.datasets is datasets
    assert (benchmark.warmup_runs, benchmark.measurement_runs) == (5, 10)
    assert benchmark.results == {}
    assert set(benchmark.system_info) >= {"platform", "processor", "python_version", "cpu_count"}
    assert Benchmark().models == []
    assert Benchmark().measure_latency(Model(), Tensor([1.0]), warmup=1, iterations=3) > 0


def test_latency():
    results = Benchmark([Model("a"), Model()], [], 2, 7).run_latency_benchmark((1, 4))
    assert list(results) == ["a", "model_1"]
    assert results["a"].metric_name == "a_latency_ms"
    assert results["a"].count == 7
    assert all(value > 0 for value in results["a"].values)
    assert results["a"].metadata["input_shape"] == (1, 4)
    assert "platform" in results["a"].metadata


def test_accuracy_is_the_models_own():
    results = Benchmark([Model("a", 0.75)], ["x", "y"]).run_accuracy_benchmark()
    assert results["a"].metric_name == "a_accuracy"
    assert results["a"].values == [0.75, 0.75]
    assert "simulated" not in results["a"].metadata


def test_a_stand_in_for_accuracy_says_so():
    class Failing(Model):
        def evaluate(self, dataset):
            if dataset == "bad":
                raise RuntimeError("no data")
            return 0.5

    results = Benchmark([Model("a"), Failing("b")], ["good", "bad"]).run_accuracy_benchmark()
    assert all(0 <= value <= 1 for value in results["a"].values)
    assert list(results["a"].metadata["simulated"]) == [0, 1]
    assert results["b"].values[0] == 0.5
    assert "no data" in results["b"].metadata["simulated"][1]
    assert Benchmark([Model("a", 0.9)]).run_accuracy_benchmark()["a"].metadata["simulated"]


def test_memory_and_comparison():
    benchmark = Benchmark([Model("a", 0.9)], ["x"], 1, 3)
    memory = benchmark.run_memory_benchmark((1, 4))
    assert memory["a"].metric_name == "a_memory_mb"
    assert all(value >= 0 for value in memory["a"].values)
    for metric in ("latency", "accuracy", "memory"):
        (row,) = benchmark.compare_models(metric)
        assert set(row) == {"model", "metric", "mean", "std", "ci_lower", "ci_upper", "count"}
        assert (row["model"], row["metric"]) == ("a", metric)
    with pytest.raises(ValueError, match="Unknown metric"):
        benchmark.compare_models("speed")


def test_real_layers():
    layer = Linear(16, 4)
    layer.name = "linear"
    results = Benchmark([layer], [], 1, 3).run_latency_benchmark(input_shape=(1, 16))
    assert results["linear"].mean > 0


def test_suite(tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    suite = BenchmarkSuite([Model("a", 0.9), Model("b")], ["x"], folder)
    assert folder.is_dir()
    assert suite.output_dir == folder
    assert "run_full_benchmark" in suite.generate_report()
    suite.plot_results()
    results = suite.run_full_benchmark()
    assert list(results) == ["latency", "accuracy", "memory", "energy"]
    latency, energy = results["latency"]["a"], results["energy"]["a"]
    memory = results["memory"]["a"].mean
    np.testing.assert_allclose(
        energy.values, [0.1 + ms / 1000 * 2 + memory * 0.01 for ms in latency.values]
    )
    assert "estimated" in energy.metadata
    report = suite.generate_report()
    for text in ("Benchmark Report", "System Information", "Recommendations", "simulated"):
        assert text in report
    assert (folder / "benchmark_report.md").read_text(encoding="utf-8") == report
    if not bench.MATPLOTLIB_AVAILABLE:
        capsys.readouterr()
        suite.plot_results(save_plots=True)
        suite.plot_pareto_frontier()
        assert "matplotlib" in capsys.readouterr().out


def test_normalized_scores():
    scores = bench.calculate_normalized_scores(
        {"latency": 10.0, "memory": 8.0, "accuracy": 0.8},
        {"latency": 5.0, "memory": 4.0, "accuracy": 0.6},
    )
    assert scores["speedup"] == 2
    assert scores["compression_ratio"] == 2
    assert scores["accuracy_delta"] == pytest.approx(-0.2)
    assert scores["efficiency_score"] == pytest.approx(1.5)


def test_comparing_techniques(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bench.compare_optimization_techniques(
        Model("base", 0.9), [Model("small", 0.8), Model("fast", 0.7)], ["x"]
    )
    assert result["base_model"] == "base"
    assert set(result["improvements"]) == {"small", "fast"}
    assert set(result["improvements"]["small"]) == {
        "latency_speedup",
        "memory_speedup",
        "energy_speedup",
        "accuracy_retention",
    }
    assert result["improvements"]["small"]["accuracy_retention"] == pytest.approx(8 / 9)
    assert set(result["efficiency_metrics"]["fast"]) == {"accuracy_per_mb", "accuracy_per_ms"}
    assert set(result["recommendations"]) == {
        "for_latency_critical",
        "for_memory_constrained",
        "for_accuracy_preservation",
        "for_balanced_deployment",
    }
    best = result["recommendations"]["for_accuracy_preservation"]
    assert best["model"] == "small"
    assert set(best) == {"model", "reason", "use_case"}
    assert list(tmp_path.iterdir()) == []


def test_harness(tmp_path):
    from tinytorch.capstone import SimpleMLP

    harness = bench.SubmissionHarness()
    with pytest.raises(RuntimeError, match="baseline"):
        harness.submission()
    x, y = Tensor(np.random.randn(20, 10)), np.random.randint(0, 3, 20)
    harness.baseline(SimpleMLP(), x, y, num_runs=5)
    harness.optimized(SimpleMLP(hidden_size=4), x, y, ["smaller"], num_runs=5)
    path = harness.save(str(tmp_path / "submission.json"))
    assert harness.submission()["optimized"]["techniques_applied"] == ["smaller"]
    assert (tmp_path / "submission.json").exists()
    assert str(path).endswith("submission.json")
