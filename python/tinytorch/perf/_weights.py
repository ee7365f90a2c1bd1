"""The parameters of any model object, and statistics of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def parameters_of(model: Any) -> list[Any]:
    """Tensors of `model.layers`, else of `model.parameters()`, else its weight and bias."""
    if hasattr(model, "layers"):
        return [
            p for layer in model.layers if hasattr(layer, "parameters") for p in layer.parameters()
        ]
    if hasattr(model, "parameters"):
        return list(model.parameters())
    if hasattr(model, "weight"):
        return [p for p in (model.weight, getattr(model, "bias", None)) if p is not None]
    return []


def analyze_weight_distribution(
    model: Any,
    percentiles: Sequence[float] = [10, 25, 50, 75, 90],  # never changed
) -> dict[str, Any]:
    """Statistics of the absolute weights.

    Gives total_weights, mean, std, min, max, percentile_<p>, and the percentages of weights below
    0.001, 0.01 and 0.1 (below_threshold_0001, _001, _01); {"error": ...} for a model without any.
    """
    values = [np.abs(np.asarray(p.data, dtype=np.float64)).ravel() for p in parameters_of(model)]
    flat = np.concatenate(values) if values else np.empty(0)
    if flat.size == 0:
        return {"error": "the model has no weights"}
    stats = {
        "total_weights": int(flat.size),
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "min": float(flat.min()),
        "max": float(flat.max()),
    }
    for p in percentiles:
        stats[f"percentile_{p}"] = float(np.percentile(flat, p))
    for name, threshold in (("0001", 0.001), ("001", 0.01), ("01", 0.1)):
        stats[f"below_threshold_{name}"] = float(np.mean(flat < threshold) * 100)
    return stats
