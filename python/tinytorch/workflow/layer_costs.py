"""What each layer of a network costs in one forward pass: time, FLOPs, stored bytes."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from ..core.autograd import no_grad
from ..models.networks import Network
from ..nn._stored import patched_forward
from ..nn.quantized import count_parameters, stored_bytes
from ..report.record import LayerCost

_SAMPLES = 25
_SAMPLE_NS = 200_000  # one sample repeats the layer for about this long


def layer_costs(network: Network, x: Any, samples: int = _SAMPLES) -> list[LayerCost]:
    """Each layer timed alone on the input that it gets when `x` goes through the network.

    The time is the median of `samples`, each the mean of many calls. FLOPs count a multiply and an
    add as two; a sparse layer's are those of the weights it keeps.
    """
    network.eval()
    with no_grad():
        inputs = _inputs(network, x)
        if not inputs:
            return [_whole(network, x, samples)]
        return [
            _one(name, layer, inputs[name], samples)
            for name, layer in network.named_layers()
            if name in inputs
        ]


def _one(name: str, layer: Any, x: Any, samples: int) -> LayerCost:
    y = layer.forward(x)
    return LayerCost(
        name=name,
        kind=type(layer).__name__,
        output=" x ".join(str(n) for n in y.shape[1:]) or "1",
        parameters=count_parameters(layer),
        flops=flops(layer, x.shape, y.shape),
        stored_bytes=stored_bytes(layer),
        time_ms=time_call(layer.forward, x, samples),
    )


def _whole(network: Any, x: Any, samples: int) -> LayerCost:
    """A network that is computed as one, by an inference session."""
    return LayerCost(
        name="session",
        kind=type(network).__name__,
        output=str(network.classes),
        parameters=count_parameters(network),
        flops=2 * network.macs(),
        stored_bytes=stored_bytes(network),
        time_ms=time_call(network.forward, x, samples),
    )


def _inputs(network: Network, x: Any) -> dict[str, Any]:
    """What each layer gets when `x` goes through the network."""
    seen: dict[str, Any] = {}

    def watched(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def watching(given: Any, **options: Any) -> Any:
            seen.setdefault(name, given)
            return forward(given, **options)

        return watching

    layers = list(network.named_layers())
    with patched_forward([(layer, watched(name, layer.forward)) for name, layer in layers]):
        network.forward(x)
    return seen


def time_call(call: Callable[[Any], Any], x: Any, samples: int = _SAMPLES) -> float:
    """Median milliseconds of `call(x)`, each sample long enough for the clock."""
    repeats = 1
    while (elapsed := _repeat(call, x, repeats)) < _SAMPLE_NS and repeats < 1 << 20:
        repeats = max(2 * repeats, min(16 * repeats, _SAMPLE_NS * repeats // max(elapsed, 1)))
    times = [_repeat(call, x, repeats) for _ in range(samples)]
    return statistics.median(times) / repeats / 1e6


def _repeat(call: Callable[[Any], Any], x: Any, repeats: int) -> int:
    start = time.perf_counter_ns()
    for _ in itertools.repeat(None, repeats):
        call(x)
    return time.perf_counter_ns() - start


def flops(layer: Any, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """Floating-point (or integer) operations of one call, by the kind of layer."""
    outputs = math.prod(output_shape)
    inputs = math.prod(input_shape)
    kind = type(layer).__name__
    nonzeros = getattr(layer, "nonzeros", None)
    if kind.startswith("Linear"):
        if nonzeros is not None:
            return 2 * int(nonzeros) * math.prod(output_shape[:-1])
        return 2 * outputs * int(input_shape[-1])
    if "Conv2d" in kind:
        positions = output_shape[0] * math.prod(output_shape[2:])
        if nonzeros is not None:
            return 2 * int(nonzeros) * positions
        kernel = layer.kernel_size
        groups = int(getattr(layer, "groups", 1))
        return 2 * outputs * int(input_shape[1]) // groups * int(kernel[0]) * int(kernel[1])
    if kind.endswith("Pool2d"):
        return inputs
    return outputs if kind not in ("Flatten", "Dropout") else 0
