"""Module 14: a Profiler in plain NumPy, on the package's layers and beside its Profiler."""

# %%
import gc
import time
import tracemalloc
import unittest
from collections import defaultdict

import numpy as np

from tinytorch.core.layers import Linear
from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.perf import profiling as package

BYTES_PER_FLOAT32 = 4
MB_TO_BYTES = 1024 * 1024


# %%
class Profiler:
    def __init__(self):
        self.measurements = {}
        self.operation_counts = defaultdict(int)
        self.memory_tracker = None

    def count_parameters(self, model):
        total = 0
        if hasattr(model, "layers"):
            for layer in model.layers:
                if hasattr(layer, "parameters"):
                    total += sum(p.data.size for p in layer.parameters())
        elif hasattr(model, "parameters"):
            total = sum(p.data.size for p in model.parameters())
        elif hasattr(model, "weight"):
            total = model.weight.data.size
            if getattr(model, "bias", None) is not None:
                total += model.bias.data.size
        return total

    def count_flops(self, model, input_shape):
        name = model.__class__.__name__
        if name == "Linear":
            return input_shape[-1] * model.weight.shape[1] * 2
        if name == "Conv2d":
            out_h, out_w = input_shape[-2] // model.stride, input_shape[-1] // model.stride
            kernel = model.kernel_size[0] * model.kernel_size[1]
            return out_h * out_w * kernel * model.in_channels * model.out_channels * 2
        if hasattr(model, "layers"):
            total, shape = 0, input_shape
            for layer in model.layers:
                total += self.count_flops(layer, shape)
                if hasattr(layer, "weight"):
                    shape = (*shape[:-1], layer.weight.shape[1])
            return total
        return int(np.prod(input_shape))

    def measure_memory(self, model, input_shape):
        tracemalloc.start()
        parameter_mb = self.count_parameters(model) * BYTES_PER_FLOAT32 / MB_TO_BYTES
        activation_mb = 2 * np.prod(input_shape) * BYTES_PER_FLOAT32 / MB_TO_BYTES
        model.forward(Tensor(np.random.randn(*input_shape)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        useful = parameter_mb + activation_mb
        peak_mb = max(peak / MB_TO_BYTES, useful)
        return {
            "parameter_memory_mb": parameter_mb,
            "activation_memory_mb": activation_mb,
            "peak_memory_mb": peak_mb,
            "memory_efficiency": min(useful / max(peak_mb, 1e-9), 1.0),
        }

    def measure_latency(self, model, input_tensor, warmup=10, iterations=100):
        for _ in range(warmup):
            _ = model.forward(input_tensor)
        times = []
        for _ in range(iterations):
            start = time.perf_counter()
            _ = model.forward(input_tensor)
            times.append((time.perf_counter() - start) * 1000)
        return float(np.median(times))

    def profile_layer(self, layer, input_shape):
        flops = self.count_flops(layer, input_shape)
        latency = self.measure_latency(layer, Tensor(np.random.randn(*input_shape)), 2, 5)
        return {
            "layer_type": layer.__class__.__name__,
            "parameters": self.count_parameters(layer),
            "flops": flops,
            "latency_ms": latency,
            "gflops_per_second": flops / (latency / 1000) / 1e9,
            **self.measure_memory(layer, input_shape),
        }


# %%
class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x


class OnlyForward:
    def forward(self, x):
        return x + x + 1.0


class Weighted:
    """A weight, no parameters()."""

    def __init__(self, bias):
        self.weight, self.bias = Tensor(np.ones((3, 4))), bias

    def forward(self, x):
        return x.sum()


class HandMade:
    def __init__(self):
        self.fc = Linear(6, 2)

    def parameters(self):
        return self.fc.parameters()

    def forward(self, x):
        return self.fc(x)


MODELS = [
    (Linear(10, 5), (1, 10)),
    (Linear(10, 5, bias=False), (32, 10)),
    (Conv2d(3, 8, 3, padding=1), (1, 3, 16, 16)),
    (Conv2d(1, 2, (3, 3), stride=2), (2, 1, 9, 9)),
    (Sequential(Linear(8, 16), Linear(16, 4)), (4, 8)),
    (OnlyForward(), (2, 7)),
    (Weighted(None), (5, 5)),
    (Weighted(Tensor(np.ones(4))), (2,)),
    (HandMade(), (3, 6)),
]


class TestProfiler(unittest.TestCase):
    def setUp(self):
        self.own, self.package = Profiler(), package.Profiler()

    def test_counts(self):
        for model, shape in MODELS:
            name = type(model).__name__
            self.assertEqual(
                self.own.count_parameters(model), self.package.count_parameters(model), msg=name
            )
            flops = self.package.count_flops(model, shape)
            self.assertEqual(flops, self.own.count_flops(model, shape), msg=name)
            self.assertIsInstance(flops, int)
        self.assertEqual(self.package.count_parameters(Tensor(np.ones((5, 5)))), 0)
        self.assertEqual(self.package.count_parameters(object()), 0)
        self.assertEqual(self.package.count_flops(Tensor(np.ones((5, 5))), (5, 5)), 25)

    def test_own_classes_named_like_ours(self):
        class Linear:
            def __init__(self):
                self.weight = Tensor(np.ones((4, 7)))

            def forward(self, x):
                return x.matmul(self.weight)

        for shape in ((1, 4), (9, 4)):
            self.assertEqual(self.package.count_flops(Linear(), shape), 2 * 4 * 7)
        self.assertEqual(self.package.count_parameters(Linear()), 28)

    def test_memory(self):
        for model, shape in MODELS:
            own = self.own.measure_memory(model, shape)
            other = self.package.measure_memory(model, shape)
            self.assertEqual(set(own), set(other))
            for key in ("parameter_memory_mb", "activation_memory_mb"):
                self.assertAlmostEqual(own[key], other[key])
            floor = other["parameter_memory_mb"] + other["activation_memory_mb"]
            self.assertGreaterEqual(other["peak_memory_mb"], floor)
            self.assertTrue(0 <= other["memory_efficiency"] <= 1)

    def test_latency(self):
        x = Tensor(np.random.randn(4, 10))
        for model in (Linear(10, 5), OnlyForward()):
            value = self.package.measure_latency(model, x, warmup=2, iterations=5)
            self.assertIsInstance(value, float)
            self.assertGreater(value, 0)
        calls = []

        class Counting:
            def forward(self, x):
                calls.append(x)
                time.sleep(0.001)
                return x

        value = self.package.measure_latency(Counting(), x, warmup=3, iterations=7)
        self.assertEqual(len(calls), 10)
        self.assertGreaterEqual(value, 1.0)
        self.assertIs(calls[0], x)
        gc.collect()

    def test_layer_profile(self):
        for model, shape in MODELS[:5]:
            own, other = (p.profile_layer(model, shape) for p in (self.own, self.package))
            self.assertLessEqual(set(own), set(other))
            for key in ("layer_type", "parameters", "flops"):
                self.assertEqual(own[key], other[key])
            speed = other["flops"] / (other["latency_ms"] / 1000) / 1e9
            self.assertAlmostEqual(other["gflops_per_second"], speed)

    def test_forward_and_backward_profile(self):
        model, x = MODELS[4][0], Tensor(np.random.randn(4, 8))
        forward = self.package.profile_forward_pass(model, x)
        self.assertTrue(0 <= forward["computational_efficiency"] <= 1)
        self.assertNotEqual(forward["is_memory_bound"], forward["is_compute_bound"])
        self.assertIn(forward["bottleneck"], ("memory", "compute"))
        self.assertEqual(forward["parameters"], self.own.count_parameters(model))
        backward = self.package.profile_backward_pass(model, x)
        self.assertEqual(backward["backward_flops"], 2 * backward["forward_flops"])
        self.assertEqual(backward["total_flops"], 3 * backward["forward_flops"])
        estimates = backward["optimizer_memory_estimates"]
        self.assertEqual(estimates["sgd"], 0)
        self.assertAlmostEqual(estimates["adam"], 2 * backward["gradient_memory_mb"])
        quick = package.quick_profile(model, x, profiler=self.package)
        self.assertLessEqual(set(forward), set(quick))

    def test_own_subclass(self):
        class Counter(package.Profiler):
            def count_flops(self, model, input_shape):
                self.operation_counts["calls"] += 1
                return super().count_flops(model, input_shape) + 1

        profiler = Counter()
        result = profiler.profile_layer(MODELS[0][0], (1, 10))
        self.assertEqual(result["flops"], 101)
        self.assertEqual(profiler.operation_counts["calls"], 1)
        self.assertIsNone(profiler.memory_tracker)

    def test_weight_distribution(self):
        model = HandMade()
        model.fc.weight.data = np.linspace(-1, 1, 12).reshape(6, 2)
        result = package.analyze_weight_distribution(model, percentiles=[50, 90])
        weights = np.abs(np.concatenate([p.data.ravel() for p in model.parameters()]))
        self.assertEqual(result["total_weights"], weights.size)
        for key, value in (("mean", weights.mean()), ("std", weights.std()), ("min", 0.0),
                           ("max", 1.0), ("percentile_90", np.percentile(weights, 90)),
                           ("below_threshold_01", np.mean(weights < 0.1) * 100)):  # fmt: skip
            self.assertAlmostEqual(result[key], value, places=4, msg=key)
        self.assertIn("error", package.analyze_weight_distribution(object()))


if __name__ == "__main__":
    outcome = unittest.main(argv=["module"], exit=False, verbosity=0).result
    assert outcome.wasSuccessful()
    assert outcome.testsRun == 8
    print("module 14: all checks passed")
