"""BenchmarkReport.benchmark_model: the metrics, and models of every temper."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from tinytorch import _core
from tinytorch.capstone import (
    BenchmarkReport,
    Linear,
    SimpleMLP,
    Tensor,
    benchmark_models,
    generate_submission,
    validate_submission_schema,
)
from tinytorch.nn.quantized import convert
from tinytorch.nn.sparse import LinearCsr

SIX = {
    "parameter_count": int,
    "model_size_mb": float,
    "accuracy": float,
    "latency_ms_mean": float,
    "latency_ms_std": float,
    "throughput_samples_per_sec": float,
}


def data(n: int = 40, features: int = 10) -> tuple[Tensor, np.ndarray]:
    random = np.random.default_rng(3)
    return Tensor(random.standard_normal((n, features))), random.integers(0, 3, n)


def measure(model: Any, X: Any = None, y: Any = None, num_runs: int = 10) -> dict[str, Any]:
    default_X, default_y = data()
    X = default_X if X is None else X
    return BenchmarkReport("m").benchmark_model(model, X, default_y if y is None else y, num_runs)


class Identity:
    """The fastest model there is: scores are the input itself."""

    def forward(self, x: Any) -> Any:
        return x

    def count_parameters(self) -> int:
        return 1


def test_metrics_of_the_default_model() -> None:
    X, y = data()
    report = BenchmarkReport("baseline")
    model = SimpleMLP()
    metrics = report.benchmark_model(model, X, y, num_runs=50)
    assert report.metrics is metrics
    for key, kind in SIX.items():
        assert type(metrics[key]) is kind, key
    assert all(type(v) in (int, float, str) for v in metrics.values())
    assert json.loads(json.dumps(metrics)) == metrics
    assert metrics["parameter_count"] == 283
    assert metrics["model_size_mb"] == 283 * 4 / 2**20
    assert metrics["model_size_bytes"] == 1132
    assert metrics["size_source"] == "float32_parameters"
    assert metrics["accuracy"] == np.mean(model.forward(X).data.argmax(axis=1) == y)
    assert metrics["num_runs"] == 50
    assert metrics["latency_ms_mean"] > 0
    assert metrics["latency_ms_std"] >= 0
    assert metrics["throughput_samples_per_sec"] == 1000 / metrics["latency_ms_mean"]
    assert metrics["latency_ms_min"] <= metrics["latency_ms_p50"] <= metrics["latency_ms_p90"]
    assert (
        metrics["latency_ms_ci95_low"]
        <= metrics["latency_ms_mean"]
        <= metrics["latency_ms_ci95_high"]
    )
    assert metrics["warmup_runs"] >= 5
    assert report.throughput_curve[0][0] == 1
    best = max(report.throughput_curve, key=lambda point: point[1])
    assert (metrics["best_batch_size"], metrics["batched_throughput_samples_per_sec"]) == best
    assert validate_submission_schema(generate_submission(report, report, "Ada", ["none"]))


def test_peak_memory_is_weights_and_working_memory() -> None:
    small, large = measure(SimpleMLP()), measure(SimpleMLP(10, 5000, 3))
    assert large["peak_memory_source"] == "allocator"
    weights = large["model_size_mb"]
    hidden = 5000 * 4 / 2**20
    assert weights + hidden <= large["peak_memory_mb"] < weights + 6 * hidden
    assert small["peak_memory_mb"] < large["peak_memory_mb"]


def test_memory_of_a_foreign_model_is_the_process() -> None:
    metrics = measure(Identity(), np.eye(3), [0, 1, 2])
    assert metrics["peak_memory_source"] == "rss"
    assert metrics["peak_memory_mb"] > 1


def test_a_model_faster_than_the_clock() -> None:
    metrics = measure(Identity(), np.eye(3, dtype=np.float32), [0, 1, 1])
    assert metrics["accuracy"] == 2 / 3
    assert metrics["latency_ms_mean"] > 0
    assert metrics["calls_per_run"] > 1
    assert np.isfinite(metrics["throughput_samples_per_sec"])


def test_the_latency_of_a_slow_model_is_its_own() -> None:
    class Sleepy(Identity):
        def forward(self, x: Any) -> Any:
            time.sleep(0.02)
            return x

    begin = time.monotonic()
    metrics = measure(Sleepy(), np.eye(3), [0, 1, 2], num_runs=5)
    assert 20 <= metrics["latency_ms_mean"] < 100
    assert metrics["calls_per_run"] == 1
    assert metrics["best_batch_size"] > 1  # a batch takes no longer
    assert time.monotonic() - begin < 10


def test_replacing_pythons_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "time",
        "perf_counter",
        "perf_counter_ns",
        "monotonic",
        "monotonic_ns",
        "process_time",
    ):
        monkeypatch.setattr(time, name, lambda: 0)

    class Busy(Identity):
        def forward(self, x: Any) -> Any:
            time.sleep(0.005)
            return x

    metrics = measure(Busy(), np.eye(3), [0, 1, 2], num_runs=3)
    assert metrics["latency_ms_mean"] >= 5


class Broken(Identity):
    def __init__(self, error: BaseException, rows: int = 0) -> None:
        self.error, self.rows = error, rows

    def forward(self, x: Any) -> Any:
        if self.rows in (0, x.shape[0]):
            raise self.error
        return x


@pytest.mark.parametrize(
    "error", [RuntimeError("boom"), KeyError("k"), KeyboardInterrupt(), SystemExit(3)]
)
@pytest.mark.parametrize("rows", [0, 1])
def test_what_a_model_raises_comes_out(error: BaseException, rows: int) -> None:
    report = BenchmarkReport()
    report.metrics = {"kept": 1}
    with pytest.raises(type(error)) as caught:
        report.benchmark_model(Broken(error, rows), np.eye(3), [0, 1, 2])
    assert caught.value is error
    assert report.metrics == {"kept": 1}


def test_a_batch_size_the_model_refuses_ends_the_search() -> None:
    report = BenchmarkReport()
    metrics = report.benchmark_model(Broken(ValueError("not 4 rows"), 4), np.eye(3), [0, 1, 2])
    assert metrics["best_batch_size"] in (1, 2)
    assert "not 4 rows" in report.batch_search_ended


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_ctrl_c_during_the_search_is_no_refusal(error: BaseException) -> None:
    with pytest.raises(type(error)):
        measure(Broken(error, 4), np.eye(3), [0, 1, 2])


def test_ctrl_c_during_native_models_is_seen() -> None:
    class Native(Identity):
        forward = staticmethod(np.asarray)  # no Python code runs inside the timing loop

    code = f"import os, signal, time; time.sleep(0.3); os.kill({os.getpid()}, signal.SIGINT)"
    with subprocess.Popen([sys.executable, "-c", code]):
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            measure(Native(), np.eye(3), [0, 1, 2], num_runs=10**8)
        assert time.monotonic() - begin < 10


def test_accuracy_cannot_be_had_from_nan() -> None:
    class Nan(Identity):
        def forward(self, x: Any) -> Any:
            scores = np.zeros((x.shape[0], 3))
            scores[0] = np.nan  # argmax would call this class 0
            return scores

    assert measure(Nan(), np.ones((4, 2)), [0, 0, 0, 1])["accuracy"] == 0.5


@pytest.mark.parametrize(
    "returned", [np.zeros(3), np.zeros((2, 3)), np.zeros((3, 0)), np.zeros((3, 3, 1))]
)
def test_scores_must_have_one_row_per_row(returned: np.ndarray) -> None:
    class Odd(Identity):
        def forward(self, x: Any) -> Any:
            return returned

    with pytest.raises(ValueError, match="must return scores"):
        measure(Odd(), np.eye(3), [0, 1, 2])


def test_labels() -> None:
    X = np.eye(3, dtype=np.float32)
    for y in (
        [0, 1, 2],
        np.array([0, 1, 2], dtype=np.uint8),
        Tensor([0, 1, 2]),
        np.array([[0], [1], [2]]),
    ):
        assert measure(Identity(), X, y)["accuracy"] == 1.0
    with pytest.raises(ValueError, match="3 rows, but there are 2 labels"):
        measure(Identity(), X, [0, 1])
    with pytest.raises(ValueError, match="whole numbers"):
        measure(Identity(), X, [0.5, 1, 2])
    with pytest.raises(ValueError, match="one class index per row"):
        measure(Identity(), X, np.eye(3))
    with pytest.raises(TypeError, match="class indices"):
        measure(Identity(), X, ["a", "b", "c"])


def test_test_data() -> None:
    seen = []

    class Spy(Identity):
        def forward(self, x: Any) -> Any:
            seen.append(type(x))
            return x

    measure(Spy(), [[1.0, 0.0], [0.0, 1.0]], [0, 1])
    assert set(seen) == {np.ndarray}
    seen.clear()
    measure(Spy(), Tensor(np.eye(3)), [0, 1, 2])
    assert set(seen) == {Tensor}
    assert measure(SimpleMLP(3), np.eye(3), [0, 1, 2])["peak_memory_source"] == "allocator"
    for nothing in (np.zeros((0, 3)), np.float32(1), None, 5):
        with pytest.raises(ValueError, match="X_test must have shape"):
            BenchmarkReport().benchmark_model(Identity(), nothing, [])


def test_num_runs() -> None:
    assert measure(SimpleMLP(), num_runs=1)["latency_ms_std"] == 0.0
    for bad in (0, -3):
        with pytest.raises(ValueError, match="at least 1"):
            measure(SimpleMLP(), num_runs=bad)
    with pytest.raises(TypeError):
        measure(SimpleMLP(), num_runs=2.5)


def test_models_without_count_parameters() -> None:
    class Bare:
        def __init__(self) -> None:
            self.layers = [Linear(10, 4), Linear(4, 3)]

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer.forward(x)
            return x

    metrics = measure(Bare())
    assert metrics["parameter_count"] == 44 + 15
    assert metrics["model_size_bytes"] == 4 * 59
    with pytest.raises(TypeError, match="no forward"):
        measure(object())


def test_a_model_that_is_only_callable() -> None:
    assert measure(lambda x: x, np.eye(3), [0, 1, 2])["parameter_count"] == 0


class PackedLinear(Linear):
    def stored_bytes(self) -> int:
        return 90


def test_parts_tell_what_they_store() -> None:
    model = SimpleMLP()
    model.fc1 = PackedLinear(10, 20)
    metrics = measure(model)
    assert metrics["model_size_bytes"] == 90 + 4 * (20 * 3 + 3)
    assert metrics["size_source"] == "stored_bytes"
    assert metrics["parameter_count"] == 283
    assert metrics["model_size_mb"] == metrics["model_size_bytes"] / 2**20


def test_a_part_used_twice_is_stored_once() -> None:
    class Tied:
        def __init__(self) -> None:
            self.inner = PackedLinear(10, 10)
            self.blocks = [self.inner, {"again": self.inner}]

        def forward(self, x: Any) -> Any:
            return self.inner.forward(self.inner.forward(x))

        def count_parameters(self) -> int:
            return 110

        def parameters(self) -> list[Tensor]:
            return self.inner.parameters()

    assert measure(Tied())["model_size_bytes"] == 90


def test_a_model_that_knows_its_bytes() -> None:
    class Knows(SimpleMLP):
        def stored_bytes(self) -> int:
            return 77

    assert measure(Knows())["model_size_bytes"] == 77

    class Lies(SimpleMLP):
        def stored_bytes(self) -> int:
            return -1

    with pytest.raises(ValueError, match="-1 bytes"):
        measure(Lies())


def test_parameters_of_other_types_count_their_bytes() -> None:
    class Half(Identity):
        def parameters(self) -> list[np.ndarray]:
            return [np.zeros((3, 3), dtype=np.float16)]

    metrics = measure(Half(), np.eye(3), [0, 1, 2])
    assert metrics["model_size_bytes"] == 18
    assert metrics["size_source"] == "parameter_dtypes"


def test_dropout_is_off_and_no_graph_is_made() -> None:
    states = []

    class Net(SimpleMLP):
        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x)
            states.append((self.training, out.requires_grad))
            return out

    net = Net()
    measure(net)
    assert set(states) == {(False, False)}
    assert net.training is True
    assert net.forward(data()[0]).requires_grad
    net.eval()
    measure(net)
    assert net.training is False


def test_measuring_changes_no_random_state_and_no_weight() -> None:
    model = SimpleMLP()
    before = model.state_dict()
    np.random.seed(1)
    expected = np.random.rand()
    np.random.seed(1)
    measure(model)
    assert np.random.rand() == expected
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_attributes_can_be_assigned() -> None:
    report = BenchmarkReport()
    report.model_name = "x"
    report.metrics = {"accuracy": 1}
    report.system_info = {}
    report.timestamp = "2025-11-21 10:05:03"
    report.anything = 5
    assert generate_submission(report)["timestamp"] == "2025-11-21 10:05:03"


def test_the_native_layer_refuses_labels_of_other_types() -> None:
    with pytest.raises(TypeError):
        _core.capstone.benchmark([{**NATIVE, "labels": np.zeros(3)}], 1)
    with pytest.raises(KeyError, match="rows"):
        _core.capstone.benchmark([{"forward": print}], 1)


NATIVE = {
    "forward": print,
    "rows": print,
    "predict": print,
    "parameter_count": 1,
    "stored_bytes": 4,
    "size_source": "",
}


def test_models_are_reported_together_each_on_its_own_data() -> None:
    small, large = SimpleMLP(), SimpleMLP(64, 128, 10)
    small.train()
    cases = [("small", small, *data()), ("large", large, *data(20, 64)), ("small", small, *data())]
    reports = benchmark_models(cases, num_runs=25)
    assert [r.model_name for r in reports] == ["small", "large", "small"]
    assert [r.metrics["parameter_count"] for r in reports] == [283, 9610, 283]
    assert all(r.metrics["num_runs"] == 25 for r in reports)
    assert all(r.throughput_curve and r.batch_search_ended for r in reports)
    assert small.training
    assert reports[0].metrics["accuracy"] == measure(small)["accuracy"]
    assert benchmark_models([]) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_one_of_several_models_raises_comes_out(error: type[BaseException]) -> None:
    with pytest.raises(error):
        benchmark_models([("fine", SimpleMLP(), *data()), ("not", Raises(error), *data())])


class Raises(Identity):
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def forward(self, x: Any) -> Any:
        raise self.error


def test_int8_and_sparse_layers_count_and_shrink() -> None:
    model = SimpleMLP(64, 128, 10)
    X, y = data(40, 64)
    dense = measure(model, X, y)
    for small in (convert(model), convert(model, skip=["fc1"])):
        metrics = measure(small, X, y)
        assert metrics["parameter_count"] == dense["parameter_count"] == small.count_parameters()
        assert metrics["size_source"] == "stored_bytes"
    assert measure(convert(model), X, y)["model_size_bytes"] < dense["model_size_bytes"] / 3
    model.fc1.weight.data[np.abs(model.fc1.weight.data) < 0.02] = 0  # 95 % of N(0, 0.01^2)
    kept = int(np.count_nonzero(model.fc1.weight.data))
    model.fc1 = LinearCsr(model.fc1)
    sparse = measure(model, X, y)
    assert sparse["parameter_count"] == kept + 128 + 128 * 10 + 10
    assert sparse["model_size_bytes"] < dense["model_size_bytes"] / 2


def test_a_model_that_counts_only_what_is_trained_is_completed() -> None:
    class Counts(SimpleMLP):
        def count_parameters(self) -> int:
            return sum(p.size for p in self.parameters())

    assert measure(convert(Counts()))["parameter_count"] == 283
    assert measure(convert(Counts(), skip=["fc2"]))["parameter_count"] == 283
