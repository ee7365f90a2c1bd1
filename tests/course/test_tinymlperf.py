"""The standard tasks (contract 21.4)."""

import json

import numpy as np
import pytest

from tinytorch.bench import TinyMLPerf

KEYS = {
    "benchmark_name",
    "model_name",
    "accuracy",
    "mean_latency_ms",
    "std_latency_ms",
    "p50_latency_ms",
    "p90_latency_ms",
    "p99_latency_ms",
    "max_latency_ms",
    "throughput_fps",
    "target_accuracy",
    "target_latency_ms",
    "accuracy_met",
    "latency_met",
    "compliant",
    "num_runs",
    "random_seed",
}


def forward(x):
    assert type(x) is np.ndarray
    assert x.dtype == np.float32
    return x.reshape(-1)[:4]


class WithForward:
    name = "mine"
    forward = staticmethod(forward)


class WithPredict:
    predict = staticmethod(forward)


def test_tasks():
    suite = TinyMLPerf()
    assert suite.random_seed == 42
    assert {name: task["input_shape"] for name, task in suite.benchmarks.items()} == {
        "keyword_spotting": (1, 16000),
        "visual_wake_words": (1, 96, 96, 3),
        "anomaly_detection": (1, 640),
        "image_classification": (1, 32, 32, 3),
    }
    assert suite.benchmarks["keyword_spotting"]["target_accuracy"] == 0.90
    assert suite.benchmarks["anomaly_detection"]["max_latency_ms"] == 50
    assert all("description" in task for task in suite.benchmarks.values())


def test_the_seed_is_set():
    TinyMLPerf(7)
    first = np.random.rand()
    np.random.seed(7)
    assert np.random.rand() == first


@pytest.mark.parametrize("model", [WithForward(), WithPredict(), forward])
def test_one_task(model):
    result = TinyMLPerf().run_standard_benchmark(model, "anomaly_detection", num_runs=20)
    assert set(result) >= KEYS
    assert result["data"] == "synthetic"
    assert 0 <= result["accuracy"] <= 1
    assert 0 < result["p50_latency_ms"] <= result["p90_latency_ms"] <= result["p99_latency_ms"]
    assert result["p99_latency_ms"] <= result["max_latency_ms"]
    assert result["throughput_fps"] == pytest.approx(1000 / result["mean_latency_ms"])
    assert result["compliant"] == (result["accuracy_met"] and result["latency_met"])
    assert result["num_runs"] == 20
    json.dumps(result)


def test_refusals():
    with pytest.raises(ValueError, match="Unknown benchmark"):
        TinyMLPerf().run_standard_benchmark(WithForward(), "nothing")
    with pytest.raises(TypeError, match="not callable"):
        TinyMLPerf().run_standard_benchmark(object(), "anomaly_detection")


def test_all_tasks_and_report(tmp_path):
    class Picky:
        def forward(self, x):
            if x.shape == (1, 640):
                raise RuntimeError("too small")
            return x.reshape(-1)[:3]

    suite = TinyMLPerf()
    results = suite.run_all_benchmarks(Picky())
    assert "too small" in results["anomaly_detection"]["error"]
    path = tmp_path / "out.json"
    text = suite.generate_compliance_report(results, str(path))
    for words in ("TinyMLPerf Compliance Report", "Compliance Rate", "random", "too small"):
        assert words in text
    assert (tmp_path / "out_summary.md").read_text(encoding="utf-8") == text
    assert set(json.loads(path.read_text(encoding="utf-8"))["results"]) == set(results)
