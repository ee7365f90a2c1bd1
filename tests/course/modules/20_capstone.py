"""Module 20: report and submission in plain NumPy, on all earlier modules and beside ours."""

# %%
import json
import platform
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np

import tinytorch.capstone as package
from tinytorch import olympics
from tinytorch.benchmarking import Benchmark, BenchmarkResult
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.perf.compression import magnitude_prune, structured_prune
from tinytorch.perf.profiling import Profiler, quick_profile
from tinytorch.perf.quantization import quantize_model


# %%
class SimpleMLP:
    def __init__(self, input_size=10, hidden_size=20, output_size=3):
        self.fc1 = Linear(input_size, hidden_size)
        self.relu = ReLU()
        self.fc2 = Linear(hidden_size, output_size)
        self.fc1.weight.data = np.random.randn(input_size, hidden_size) * 0.01
        self.fc1.bias.data = np.zeros(hidden_size)
        self.fc2.weight.data = np.random.randn(hidden_size, output_size) * 0.01
        self.fc2.bias.data = np.zeros(output_size)

    def forward(self, x):
        return self.fc2.forward(self.relu.forward(self.fc1.forward(x)))

    def parameters(self):
        return [self.fc1.weight, self.fc1.bias, self.fc2.weight, self.fc2.bias]

    def count_parameters(self):
        return sum(p.data.size for p in self.parameters())


class BenchmarkReport:
    def __init__(self, model_name="model"):
        self.model_name = model_name
        self.metrics = {}
        self.system_info = {
            "platform": platform.platform(),
            "python_version": platform.python_version(),
            "numpy_version": np.__version__,
        }
        self.timestamp = time.strftime("%Y-%m-%d %H:%M:%S")

    def benchmark_model(self, model, X_test, y_test, num_runs=100):
        predictions = np.argmax(model.forward(X_test).data, axis=1)
        accuracy = float(np.mean(predictions == y_test))
        latencies = []
        for _ in range(num_runs):
            start = time.perf_counter_ns()
            _ = model.forward(X_test[:1])
            latencies.append((time.perf_counter_ns() - start) / 1e6)
        count = model.count_parameters()
        mean = float(np.mean(latencies))
        self.metrics = {
            "parameter_count": int(count),
            "model_size_mb": count * 4 / (1024 * 1024),
            "accuracy": accuracy,
            "latency_ms_mean": mean,
            "latency_ms_std": float(np.std(latencies)),
            "throughput_samples_per_sec": 1000 / mean,
        }
        return self.metrics


def generate_submission(baseline, optimized=None, student_name=None, techniques_applied=None):
    submission = {
        "tinytorch_version": "0.1.0",
        "submission_type": "capstone_benchmark",
        "timestamp": baseline.timestamp,
        "system_info": baseline.system_info,
        "baseline": {"model_name": baseline.model_name, "metrics": baseline.metrics},
    }
    if student_name:
        submission["student_name"] = student_name
    if optimized:
        submission["optimized"] = {
            "model_name": optimized.model_name,
            "metrics": optimized.metrics,
            "techniques_applied": techniques_applied or [],
        }
        before, after = baseline.metrics, optimized.metrics
        submission["improvements"] = {
            "speedup": float(before["latency_ms_mean"] / after["latency_ms_mean"]),
            "compression_ratio": float(before["model_size_mb"] / after["model_size_mb"]),
            "accuracy_delta": float(after["accuracy"] - before["accuracy"]),
        }
    return submission


def validate_submission_schema(submission):
    for key in ("tinytorch_version", "submission_type", "timestamp", "system_info", "baseline"):
        assert key in submission, f"Missing required field: {key}"
    metrics = submission["baseline"]["metrics"]
    for key in ("parameter_count", "model_size_mb", "accuracy", "latency_ms_mean"):
        assert key in metrics, f"Missing metric: {key}"
    assert 0 <= metrics["accuracy"] <= 1
    return True


# %%
def dataset(rows=120, seed=1):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 10)) * 3
    labels = rng.integers(0, 3, rows)
    return Tensor(centres[labels] + rng.normal(size=(rows, 10))), labels


def trained(cls=package.SimpleMLP, steps=80):
    np.random.seed(6)
    model = cls()
    x, y = dataset()
    optimizer = Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = CrossEntropyLoss()(model.forward(x), Tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def test_unit_simple_mlp():
    for sizes in ((), (4, 5, 2)):
        np.random.seed(0)
        own = SimpleMLP(*sizes)
        np.random.seed(0)
        other = package.SimpleMLP(*sizes)
        for p, q in zip(own.parameters(), other.parameters(), strict=True):
            assert np.array_equal(np.float32(p.data), q.data)
        x = Tensor(np.random.randn(7, own.fc1.in_features))
        assert np.allclose(own.forward(x).data, other.forward(x).data, atol=1e-7)
        assert own.count_parameters() == other.count_parameters()
    assert package.SimpleMLP().count_parameters() == 283
    assert not hasattr(other, "layers")
    own, other = trained(SimpleMLP), trained()
    x, _ = dataset()
    assert np.allclose(own.forward(x).data, other.forward(x).data, atol=1e-2)


def test_unit_report():
    x, y = dataset()
    model = trained()
    own, other = BenchmarkReport("m"), package.BenchmarkReport("m")
    mine = own.benchmark_model(model, x, y, num_runs=10)
    theirs = other.benchmark_model(model, x, y, num_runs=10)
    assert theirs is other.metrics
    assert set(mine) <= set(theirs)
    assert theirs["accuracy"] == mine["accuracy"] > 0.9
    assert theirs["parameter_count"] == mine["parameter_count"]
    assert np.isclose(theirs["model_size_mb"], mine["model_size_mb"])
    assert theirs["latency_ms_mean"] > 0
    assert theirs["latency_ms_std"] >= 0
    product = theirs["throughput_samples_per_sec"] * theirs["latency_ms_mean"]
    assert np.isclose(product, 1000)
    assert set(own.system_info) <= set(other.system_info)
    assert all(type(theirs[key]) is type(mine[key]) for key in mine)
    json.dumps(theirs)
    datetime.fromisoformat(other.timestamp)
    assert package.BenchmarkReport().model_name == "model"
    mine = other.benchmark_model(SimpleMLP(), x, y, num_runs=3)  # the student's own model
    assert mine["parameter_count"] == 283


def reports():
    baseline, optimized = package.BenchmarkReport("base"), package.BenchmarkReport("fast")
    baseline.metrics = {
        "parameter_count": 283, "model_size_mb": 0.00108, "accuracy": 0.9,
        "latency_ms_mean": 0.2, "latency_ms_std": 0.01, "throughput_samples_per_sec": 5000.0,
    }  # fmt: skip
    optimized.metrics = dict(baseline.metrics, latency_ms_mean=0.1, model_size_mb=0.00054,
                             accuracy=0.88, throughput_samples_per_sec=10000.0)  # fmt: skip
    baseline.timestamp = optimized.timestamp = "2025-01-31 12:30:00"
    return baseline, optimized


def test_unit_submission(folder):
    baseline, optimized = reports()
    for args in (
        (baseline,), (baseline, None, "Ada"), (baseline, optimized),
        (baseline, optimized, "Ada", ["pruning", "int8"]), (baseline, None, ""),
    ):  # fmt: skip
        own, other = generate_submission(*args), package.generate_submission(*args)
        assert other.keys() - own.keys() == {"schema_version"}
        assert own.keys() <= other.keys()
        for key in own.keys() - {"improvements"}:
            assert own[key] == other[key], key
        for key, value in own.get("improvements", {}).items():
            assert np.isclose(other["improvements"][key], value)
            assert isinstance(other["improvements"][key], float)
        assert validate_submission_schema(other)
        assert package.validate_submission_schema(other) is True
        path = Path(folder) / "submission.json"
        assert package.save_submission(other, str(path)) == str(path)
        assert json.loads(path.read_text(encoding="utf-8")) == other
        assert '\n  "' in path.read_text(encoding="utf-8")
    broken = package.generate_submission(baseline)
    del broken["baseline"]["metrics"]["accuracy"]
    for validate in (validate_submission_schema, package.validate_submission_schema):
        try:
            validate(broken)
        except AssertionError as error:
            assert "accuracy" in str(error)
        else:
            raise AssertionError("accuracy is missing")
    baseline, optimized = reports()
    baseline.metrics = {}
    assert package.generate_submission(baseline)["baseline"]["metrics"] == {}
    try:
        package.generate_submission(baseline, optimized)
    except KeyError:
        pass
    else:
        raise AssertionError("no baseline metrics to compare with")
    try:
        package.save_submission(package.generate_submission(optimized), f"{folder}/no/such.json")
    except FileNotFoundError:
        pass
    else:
        raise AssertionError("a missing folder")


# %% [markdown]
# ## The workflow: profile, measure, optimise, measure again, hand in
def test_workflow(folder):
    x, y = dataset()
    model = trained()
    quick_profile(model, x[:1], profiler=Profiler())
    baseline = package.BenchmarkReport("baseline")
    baseline.benchmark_model(model, x, y, num_runs=5)
    pruned = trained()
    assert magnitude_prune(pruned, sparsity=0.5) is pruned
    assert structured_prune(trained(), prune_ratio=0.2) is not None
    int8 = quantize_model(pruned, bits=8)
    for name, candidate in (("pruned", pruned), ("int8", int8)):
        report = package.BenchmarkReport(name)
        report.benchmark_model(candidate, x, y, num_runs=5)
        assert report.metrics["accuracy"] > 0.8
        submission = package.generate_submission(baseline, report, "Ada", [name])
        package.validate_submission_schema(submission)
        package.save_submission(submission, Path(folder) / f"{name}.json")
        print(name, submission["improvements"])
    assert submission["improvements"]["compression_ratio"] > 1
    assert quantize_model(pruned)["compression_ratio"] == 4.0
    results = Benchmark([model, pruned], [], 1, 3).run_latency_benchmark(input_shape=(1, 10))
    assert all(isinstance(result, BenchmarkResult) for result in results.values())
    for name in ("SimpleMLP", "BenchmarkReport", "generate_submission", "save_submission",
                 "validate_submission_schema"):  # fmt: skip
        assert getattr(olympics, name) is getattr(package, name)


def test_module():
    test_unit_simple_mlp()
    test_unit_report()
    with tempfile.TemporaryDirectory() as folder:
        test_unit_submission(folder)
        test_workflow(folder)
    print("module 20: all checks passed")


if __name__ == "__main__":
    test_module()
