"""Profiler: parameters, FLOPs, memory and latency of a model (anything with `forward`).

FLOPs count a multiply and an add as two. MB are 2^20 bytes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ._inputs import first_accepted, sample_inputs
from ._memory import peak_bytes
from ._timing import median_ms
from ._weights import analyze_weight_distribution, parameters_of

BYTES_PER_FLOAT32 = 4
KB_TO_BYTES = 1024
MB_TO_BYTES = 1024 * 1024

# Reference machine of the bottleneck estimate (a roofline with these two limits).
PEAK_GFLOPS = 100.0
PEAK_BANDWIDTH_MBS = 20_000.0


class Profiler:
    """`measurements` keeps the last result of each kind; `operation_counts` the FLOPs per class."""

    def __init__(self) -> None:
        self.measurements: dict[str, Any] = {}
        self.operation_counts: defaultdict[str, int] = defaultdict(int)
        self.memory_tracker = None

    def count_parameters(self, model: Any) -> int:
        """Trainable numbers: of `layers`, else of `parameters()`, else of weight and bias."""
        return sum(int(np.prod(p.shape)) for p in parameters_of(model))

    def count_flops(self, model: Any, input_shape: Sequence[int]) -> int:
        """FLOPs of one sample through Linear, Conv2d or a model with `layers`.

        Anything else counts one operation per input element.
        """
        flops = self._flops(model, tuple(input_shape))
        self.operation_counts[type(model).__name__] = flops
        return flops

    def _flops(self, model: Any, shape: tuple[int, ...]) -> int:
        name = type(model).__name__
        if name == "Linear":
            return 2 * int(shape[-1]) * int(model.weight.shape[1])
        if name == "Conv2d":
            return _conv_flops(model, shape)
        if hasattr(model, "layers"):
            total = 0
            for layer in model.layers:
                total += self._flops(layer, shape)
                if hasattr(layer, "weight"):
                    shape = (*shape[:-1], int(layer.weight.shape[1]))
            return total
        return math.prod(int(n) for n in shape)

    def measure_memory(self, model: Any, input_shape: Sequence[int]) -> dict[str, float]:
        """MB of parameters, activations (input and output of the input's size) and at the peak.

        The peak is that of one forward pass on random input: what Python's and the engine's
        allocators report, and at least parameters + activations.
        """
        parameters = self.count_parameters(model) * BYTES_PER_FLOAT32
        activations = 2 * math.prod(int(n) for n in input_shape) * BYTES_PER_FLOAT32
        _, measured = first_accepted(
            lambda x: peak_bytes(lambda: model.forward(x)), sample_inputs(input_shape)
        )
        useful = parameters + activations
        peak = max(parameters + measured, useful)
        result = {
            "parameter_memory_mb": parameters / MB_TO_BYTES,
            "activation_memory_mb": activations / MB_TO_BYTES,
            "peak_memory_mb": peak / MB_TO_BYTES,
            "memory_efficiency": useful / peak if peak else 1.0,
        }
        self.measurements["memory"] = result
        return result

    def measure_latency(
        self, model: Any, input_tensor: Any, warmup: int = 10, iterations: int = 100
    ) -> float:
        """Median milliseconds of `model.forward(input_tensor)` after `warmup` uncounted calls."""
        latency = median_ms(lambda: model.forward(input_tensor), warmup, iterations)
        self.measurements["latency_ms"] = latency
        return latency

    def profile_layer(self, layer: Any, input_shape: Sequence[int]) -> dict[str, Any]:
        """Type, parameters, FLOPs, latency, GFLOP/s and memory of one layer on random input."""
        flops = self.count_flops(layer, input_shape)
        memory = self.measure_memory(layer, input_shape)
        x, _ = first_accepted(layer.forward, sample_inputs(input_shape))
        latency = self.measure_latency(layer, x, 3, 10)
        return {
            "layer_type": type(layer).__name__,
            "parameters": self.count_parameters(layer),
            "flops": flops,
            "latency_ms": latency,
            "gflops_per_second": _gflops_per_second(flops, latency),
            **memory,
        }

    def profile_forward_pass(self, model: Any, input_tensor: Any) -> dict[str, Any]:
        """Counts, latency, memory, and which of compute and memory bounds the forward pass."""
        flops = self.count_flops(model, input_tensor.shape)
        memory = self.measure_memory(model, input_tensor.shape)
        latency = self.measure_latency(model, input_tensor, 5, 50)
        moved_mb = memory["parameter_memory_mb"] + memory["activation_memory_mb"]
        rate = _gflops_per_second(flops, latency)
        compute_time = flops / (PEAK_GFLOPS * 1e9)
        memory_bound = moved_mb / PEAK_BANDWIDTH_MBS > compute_time
        result = {
            "parameters": self.count_parameters(model),
            "flops": flops,
            "latency_ms": latency,
            **memory,
            "gflops_per_second": rate,
            "memory_bandwidth_mbs": moved_mb / (latency / 1000),
            "computational_efficiency": min(rate / PEAK_GFLOPS, 1.0),
            "is_memory_bound": memory_bound,
            "is_compute_bound": not memory_bound,
            "bottleneck": "memory" if memory_bound else "compute",
        }
        self.measurements["forward"] = result
        return result

    def profile_backward_pass(
        self, model: Any, input_tensor: Any, _loss_fn: Any = None
    ) -> dict[str, Any]:
        """An estimate from the forward pass: the backward one costs twice its FLOPs and time."""
        forward = self.profile_forward_pass(model, input_tensor)
        gradient_mb = forward["parameter_memory_mb"]
        flops, latency = 3 * forward["flops"], 3 * forward["latency_ms"]
        result = {
            "forward_flops": forward["flops"],
            "forward_latency_ms": forward["latency_ms"],
            "forward_memory_mb": forward["peak_memory_mb"],
            "backward_flops": 2 * forward["flops"],
            "backward_latency_ms": 2 * forward["latency_ms"],
            "gradient_memory_mb": gradient_mb,
            "total_flops": flops,
            "total_latency_ms": latency,
            "total_memory_mb": forward["peak_memory_mb"] + gradient_mb,
            "total_gflops_per_second": _gflops_per_second(flops, latency),
            "optimizer_memory_estimates": {
                "sgd": 0,
                "adam": 2 * gradient_mb,
                "adamw": 2 * gradient_mb,
            },
            "memory_efficiency": forward["memory_efficiency"],
            "bottleneck": forward["bottleneck"],
        }
        self.measurements["backward"] = result
        return result


def _conv_flops(conv: Any, shape: tuple[int, ...]) -> int:
    strides = conv.stride if isinstance(conv.stride, (tuple, list)) else (conv.stride,) * 2
    kernel = conv.kernel_size
    kernel = kernel if isinstance(kernel, (tuple, list)) else (kernel,) * 2
    positions = (shape[-2] // strides[0]) * (shape[-1] // strides[1])
    channels = int(conv.in_channels) * int(conv.out_channels)
    return int(2 * positions * kernel[0] * kernel[1] * channels)


def _gflops_per_second(flops: int, latency_ms: float) -> float:
    return flops / (latency_ms / 1000) / 1e9


def quick_profile(
    model: Any, input_tensor: Any, profiler: Profiler | None = None
) -> dict[str, Any]:
    """Print a short summary of the forward pass and return its profile."""
    result = (profiler or Profiler()).profile_forward_pass(model, input_tensor)
    print(f"Profile of {type(model).__name__} on input {tuple(input_tensor.shape)}")
    print(f"  parameters  {result['parameters']:,}")
    print(f"  FLOPs       {result['flops']:,}")
    print(f"  latency     {result['latency_ms']:.4f} ms (median)")
    print(f"  memory      {result['peak_memory_mb']:.3f} MB at the peak")
    print(f"  throughput  {result['gflops_per_second']:.3f} GFLOP/s")
    print(f"  bottleneck  {result['bottleneck']} (estimate)")
    return result


__all__ = [
    "BYTES_PER_FLOAT32",
    "KB_TO_BYTES",
    "MB_TO_BYTES",
    "Conv2d",
    "Linear",
    "Profiler",
    "Tensor",
    "analyze_weight_distribution",
    "quick_profile",
]
