"""Baseline, optimization and submission of the course's competition, in measured numbers.

Accuracy is only reported where evaluation data is given; it is None otherwise.
"""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..bench import OlympicEvent, calculate_normalized_scores
from ..core._module import Layer
from ..core.layers import Linear
from ..core.spatial import SimpleCNN
from ..core.tensor import Tensor
from ..perf.profiling import Profiler

DIVISIONS = ("closed", "open")

_COMPONENTS = {
    "tensor": "tinytorch.core.tensor",
    "autograd": "tinytorch.core.autograd",
    "layers": "tinytorch.core.layers",
    "optimizers": "tinytorch.core.optimizers",
    "profiler": "tinytorch.perf.profiling",
    "quantization": "tinytorch.perf.quantization",
    "compression": "tinytorch.perf.compression",
    "benchmark": "tinytorch.bench",
}

# (share of weights to zero, share of output neurons to zero) per event
_PRUNING = {
    OlympicEvent.LATENCY_SPRINT: (0.0, 0.3),
    OlympicEvent.MEMORY_CHALLENGE: (0.7, 0.0),
    OlympicEvent.ACCURACY_CONTEST: (0.0, 0.0),
    OlympicEvent.ALL_AROUND: (0.3, 0.0),
    OlympicEvent.EXTREME_PUSH: (0.8, 0.2),
}


class CifarCNN(Layer):
    """The course's baseline: SimpleCNN and one Linear layer, (N, 3, 32, 32) to 10 classes."""

    name = "cifar10_cnn"
    input_shape = (1, 3, 32, 32)

    def __init__(self) -> None:
        self.features = SimpleCNN()
        self.classifier = Linear(self.features.flattened_size, 10)

    def forward(self, x: Any) -> Tensor:
        return self.classifier.forward(self.features.forward(x))


_MODELS = {"cifar10_cnn": CifarCNN}


def validate_installation() -> dict[str, bool]:
    """Which components can be imported."""
    found = {}
    for component, module in _COMPONENTS.items():
        try:
            importlib.import_module(module)
            found[component] = True
        except ImportError:
            found[component] = False
    return found


def load_baseline_model(model_name: str = "cifar10_cnn") -> Any:
    """A new, untrained baseline model."""
    if model_name not in _MODELS:
        raise ValueError(f"unknown baseline {model_name!r}: use one of {', '.join(_MODELS)}")
    return _MODELS[model_name]()


def generate_baseline(
    model_name: str = "cifar10_cnn", quick: bool = True, data: tuple[Any, Any] | None = None
) -> dict[str, Any]:
    """Measure the baseline; `data` (images, labels) adds an accuracy. `quick` takes fewer runs."""
    result = measure(load_baseline_model(model_name), 10 if quick else 100, data)
    return {"model": model_name, **result, "mode": "quick" if quick else "full"}


def measure(model: Any, runs: int = 10, data: tuple[Any, Any] | None = None) -> dict[str, Any]:
    """accuracy (None without data), latency_ms (median), memory_mb (peak), parameters."""
    shape = getattr(model, "input_shape", CifarCNN.input_shape)
    profiler = Profiler()
    x = Tensor(np.random.randn(*shape))
    return {
        "accuracy": None if data is None else _accuracy(model, *data),
        "latency_ms": profiler.measure_latency(model, x, warmup=3, iterations=runs),
        "memory_mb": profiler.measure_memory(model, shape)["peak_memory_mb"],
        "parameters": profiler.count_parameters(model),
    }


def _accuracy(model: Any, images: Any, labels: Any) -> float:
    scores = model.forward(images if isinstance(images, Tensor) else Tensor(images)).data
    return float(np.mean(scores.argmax(axis=1) == np.asarray(labels).astype(np.int64)))


def optimize_for_competition(
    baseline_model: Any, event: str = "all_around", division: str = "closed"
) -> Any:
    """A pruned copy of the model, as the event asks; `techniques` on it lists what was done."""
    from ..perf.compression import magnitude_prune, structured_prune

    weights, neurons = _PRUNING[_event(event)]
    _check_division(division)
    model = copy.deepcopy(baseline_model)
    techniques = []
    if neurons:
        structured_prune(model, prune_ratio=neurons)
        techniques.append(f"structured pruning {neurons:.0%}")
    if weights:
        magnitude_prune(model, sparsity=weights)
        techniques.append(f"magnitude pruning {weights:.0%}")
    model.techniques = techniques
    return model


def worked_example_optimization() -> dict[str, Any]:
    """Baseline, optimization for the all-around event, and the submission of both."""
    baseline = load_baseline_model()
    optimized = optimize_for_competition(baseline)
    return generate_submission(baseline, optimized, techniques=optimized.techniques)


def generate_submission(
    baseline_model: Any,
    optimized_model: Any,
    division: str = "closed",
    event: str = "all_around",
    athlete_name: str = "YourName",
    github_repo: str = "",
    techniques: Sequence[str] | None = None,
    data: tuple[Any, Any] | None = None,
) -> dict[str, Any]:
    """Measure both models and set them side by side."""
    _check_division(division)
    baseline, optimized = measure(baseline_model, data=data), measure(optimized_model, data=data)
    scores: dict[str, Any] = calculate_normalized_scores(_scored(baseline), _scored(optimized))
    if data is None:
        scores["accuracy_delta"] = scores["efficiency_score"] = None
    return {
        "athlete_name": athlete_name,
        "github_repo": github_repo,
        "division": division,
        "event": _event(event).value,
        "techniques": list(techniques or getattr(optimized_model, "techniques", [])),
        "baseline": baseline,
        "optimized": optimized,
        "normalized_scores": scores,
    }


def _scored(result: dict[str, Any]) -> dict[str, float]:
    return {
        "latency": result["latency_ms"],
        "memory": result["memory_mb"],
        "accuracy": 0.0 if result["accuracy"] is None else result["accuracy"],
    }


def validate_submission(submission: dict[str, Any]) -> dict[str, Any]:
    """`valid`, each check's outcome, and messages: errors make it invalid, warnings don't."""
    checks: dict[str, bool] = {}
    errors: list[str] = []
    warnings: list[str] = []
    for key in ("athlete_name", "division", "event", "baseline", "optimized"):
        checks[f"has {key}"] = key in submission
    checks["known division"] = submission.get("division") in DIVISIONS
    checks["known event"] = submission.get("event") in [event.value for event in OlympicEvent]
    for side in ("baseline", "optimized"):
        result = submission.get(side)
        for key in ("latency_ms", "memory_mb", "parameters"):
            value = result.get(key) if isinstance(result, dict) else None
            checks[f"{side}.{key} is positive"] = _is_positive(value)
        if isinstance(result, dict) and result.get("accuracy") is None:
            warnings.append(f"{side} has no accuracy: give evaluation data")
    if not submission.get("github_repo"):
        warnings.append("github_repo is empty")
    errors += [f"failed: {name}" for name, passed in checks.items() if not passed]
    return {"valid": not errors, "checks": checks, "warnings": warnings, "errors": errors}


def _is_positive(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def _event(name: str) -> OlympicEvent:
    try:
        return OlympicEvent(name)
    except ValueError:
        known = ", ".join(event.value for event in OlympicEvent)
        raise ValueError(f"unknown event {name!r}: use one of {known}") from None


def _check_division(division: str) -> None:
    if division not in DIVISIONS:
        raise ValueError(f"unknown division {division!r}: use one of {', '.join(DIVISIONS)}")
