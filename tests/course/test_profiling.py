"""Profiler (contract 16)."""

import collections

import numpy as np
import pytest

from tinytorch import GPT, Conv2d, Linear, ReLU, Tensor
from tinytorch.core.layers import Sequential
from tinytorch.perf.profiling import Profiler, analyze_weight_distribution, quick_profile

MB = 1024 * 1024


class Identity:
    def forward(self, x):
        return x


class Holder:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x


class Weighted:
    def __init__(self, bias):
        self.weight = Tensor(np.ones((2, 3)))
        self.bias = bias


def test_attributes():
    profiler = Profiler()
    assert profiler.measurements == {}
    assert isinstance(profiler.operation_counts, collections.defaultdict)
    assert profiler.operation_counts["nothing"] == 0
    assert profiler.memory_tracker is None


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (Linear(10, 5), 55),
        (Linear(10, 5, bias=False), 50),
        (Conv2d(3, 4, 3), 112),
        (Holder(Linear(4, 3), ReLU(), Linear(3, 2)), 23),
        (Sequential(Linear(4, 3), ReLU(), Linear(3, 2)), 23),
        (Weighted(None), 6),
        (Weighted(Tensor(np.ones(3))), 9),
        (Identity(), 0),
        (Tensor(np.ones((5, 5))), 0),
    ],
)
def test_parameters(model, count):
    result = Profiler().count_parameters(model)
    assert result == count
    assert type(result) is int


@pytest.mark.parametrize(
    ("model", "shape", "flops"),
    [
        (Linear(10, 5), (1, 10), 100),
        (Linear(10, 5), (32, 10), 100),
        (Conv2d(3, 8, 3), (1, 3, 16, 16), 2 * 16 * 16 * 9 * 3 * 8),
        (Conv2d(3, 8, 3, stride=2), (1, 3, 16, 16), 2 * 8 * 8 * 9 * 3 * 8),
        (Sequential(Linear(10, 5), Linear(5, 2)), (1, 10), 120),
        (Holder(Linear(10, 5), ReLU(), Linear(5, 2)), (4, 10), 100 + 20 + 20),
        (ReLU(), (3, 4), 12),
        (Tensor(np.ones(3)), (2, 3), 6),
    ],
)
def test_flops(model, shape, flops):
    result = Profiler().count_flops(model, shape)
    assert result == flops
    assert type(result) is int


@pytest.mark.parametrize("model", [Linear(64, 32), Identity(), Holder(Linear(64, 8))])
def test_memory(model):
    memory = Profiler().measure_memory(model, (16, 64))
    assert set(memory) == {
        "parameter_memory_mb",
        "activation_memory_mb",
        "peak_memory_mb",
        "memory_efficiency",
    }
    assert memory["parameter_memory_mb"] == Profiler().count_parameters(model) * 4 / MB
    assert memory["activation_memory_mb"] == 2 * 16 * 64 * 4 / MB
    useful = memory["parameter_memory_mb"] + memory["activation_memory_mb"]
    assert memory["peak_memory_mb"] >= useful
    assert 0 <= memory["memory_efficiency"] <= 1


def test_peak_memory_sees_the_engine():
    class Greedy:
        def forward(self, x):
            return (x * 1 for _ in range(1)) and [x * i for i in range(50)]

    memory = Profiler().measure_memory(Greedy(), (512, 512))
    assert memory["peak_memory_mb"] >= 49


def test_a_model_of_ids_gets_ids():
    model = GPT(10, 8, 1, 2, 16)
    assert Profiler().measure_memory(model, (1, 8))["peak_memory_mb"] > 0


def test_latency():
    calls = []

    class Counting:
        def forward(self, x):
            calls.append(x)
            return x

    x = Tensor([1.0])
    latency = Profiler().measure_latency(Counting(), x, warmup=2, iterations=5)
    assert type(latency) is float
    assert latency > 0
    assert len(calls) >= 7
    assert all(value is x for value in calls)


def test_layer_profile():
    profile = Profiler().profile_layer(Linear(16, 8), (4, 16))
    assert profile["layer_type"] == "Linear"
    assert profile["parameters"] == 136
    assert profile["flops"] == 256
    assert profile["gflops_per_second"] == pytest.approx(256 / (profile["latency_ms"] / 1000) / 1e9)
    assert "peak_memory_mb" in profile


def test_forward_profile():
    profile = Profiler().profile_forward_pass(Linear(64, 64), Tensor(np.ones((8, 64))))
    assert set(profile) >= {
        "parameters",
        "flops",
        "latency_ms",
        "parameter_memory_mb",
        "activation_memory_mb",
        "peak_memory_mb",
        "memory_efficiency",
        "gflops_per_second",
        "memory_bandwidth_mbs",
        "computational_efficiency",
        "is_memory_bound",
        "is_compute_bound",
        "bottleneck",
    }
    assert 0 <= profile["computational_efficiency"] <= 1
    assert profile["is_memory_bound"] != profile["is_compute_bound"]
    assert profile["bottleneck"] == ("memory" if profile["is_memory_bound"] else "compute")


def test_backward_profile():
    profile = Profiler().profile_backward_pass(Linear(64, 64), Tensor(np.ones((8, 64))))
    assert profile["backward_flops"] == 2 * profile["forward_flops"]
    assert profile["total_flops"] == 3 * profile["forward_flops"]
    assert profile["backward_latency_ms"] == 2 * profile["forward_latency_ms"]
    assert profile["total_latency_ms"] == pytest.approx(3 * profile["forward_latency_ms"])
    gradients = profile["gradient_memory_mb"]
    assert gradients == 4160 * 4 / MB
    assert profile["total_memory_mb"] == profile["forward_memory_mb"] + gradients
    assert profile["optimizer_memory_estimates"] == {
        "sgd": 0,
        "adam": 2 * gradients,
        "adamw": 2 * gradients,
    }
    assert set(profile) >= {"total_gflops_per_second", "memory_efficiency", "bottleneck"}


def test_quick_profile(capsys):
    profiler = Profiler()
    result = quick_profile(Linear(4, 2), Tensor(np.ones((1, 4))), profiler)
    assert result["parameters"] == 10
    assert result is profiler.measurements["forward"]
    assert "Linear" in capsys.readouterr().out


def test_weight_distribution():
    layer = Linear(2, 3)
    layer.weight.data = np.array([[0.0005, -0.005, 0.05], [-0.5, 1.0, 2.0]])
    layer.bias = None
    stats = analyze_weight_distribution(layer, percentiles=[50])
    values = np.abs(layer.weight.data)
    assert stats["total_weights"] == 6
    for name in ("mean", "std", "min", "max"):
        assert stats[name] == pytest.approx(getattr(values, name)(), rel=1e-5)
    assert stats["percentile_50"] == pytest.approx(np.percentile(values, 50), rel=1e-5)
    assert stats["below_threshold_0001"] == pytest.approx(100 / 6)
    assert stats["below_threshold_001"] == pytest.approx(200 / 6)
    assert stats["below_threshold_01"] == pytest.approx(300 / 6)
    assert "percentile_90" in analyze_weight_distribution(layer)
    assert "error" in analyze_weight_distribution(Identity())
