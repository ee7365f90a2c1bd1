"""Measuring a network on test data: the report's metrics, confusions, and single answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..capstone import BenchmarkReport, benchmark_models
from ..core.autograd import no_grad
from ..core.tensor import Tensor
from ..models.networks import Network
from ..report.record import Variant
from .data import Data
from .layer_costs import layer_costs

_BATCH = 256


def scores(network: Any, images: np.ndarray) -> np.ndarray:
    """The network's outputs for all images, in evaluation mode and without gradients."""
    network.eval()
    with no_grad():
        parts = [
            np.array(network.forward(Tensor(images[i : i + _BATCH])).data)
            for i in range(0, len(images), _BATCH)
        ]
    return np.concatenate(parts)


def served_scores(network: Any, images: np.ndarray) -> np.ndarray:
    """As `scores`, by an inference session where the network has one."""
    make = getattr(network, "session", None)
    if make is None:
        return scores(network, images)
    session = make(batch=_BATCH)
    shift, spread = network.mean[:, None, None], network.std[:, None, None]
    parts = [
        session((images[i : i + _BATCH] - shift) / spread) for i in range(0, len(images), _BATCH)
    ]
    return np.concatenate(parts)


def recalls(counts: list[list[int]]) -> list[float | None]:
    """Of each class the share of its rows that were found; None for a class without rows."""
    return [row[i] / sum(row) if sum(row) else None for i, row in enumerate(counts)]


def accuracy(network: Any, data: Data) -> float:
    check_fits(network, data)
    return float(np.mean(scores(network, data.images).argmax(axis=1) == data.labels))


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    shifted = outputs.astype(np.float64) - outputs.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label)."""
    shares = probabilities(outputs)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(shares, 1e-300)).mean())


def confusion(outputs: np.ndarray, labels: np.ndarray, classes: int) -> list[list[int]]:
    """counts[true class][predicted class]"""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, outputs.argmax(axis=1)), 1)
    return [[int(n) for n in row] for row in counts]


def check_fits(network: Network, data: Data) -> None:
    """ValueError unless the images and classes are those that the network takes."""
    if tuple(network.input_shape) != tuple(data.input_shape):
        raise ValueError(
            f"{data.name} has images of {data.input_shape}, the model takes {network.input_shape}"
        )
    if data.labels.min() < 0 or data.labels.max() >= network.classes:
        raise ValueError(
            f"{data.name} has labels {data.labels.min()} to {data.labels.max()}, the model has "
            f"{network.classes} classes"
        )


def benchmark(cases: Sequence[tuple[str, Network, Data]], runs: int = 100) -> list[BenchmarkReport]:
    """The capstone's reports of (name, network, data), over the whole test part of each."""
    for _, network, data in cases:
        check_fits(network, data)
        network.eval()
    return benchmark_models([(n, net, d.inputs(), d.labels) for n, net, d in cases], runs)


def measured_variant(
    network: Network,
    data: Data,
    report: BenchmarkReport,
    *,
    key: str,
    title: str,
    description: str = "",
    techniques: list[str] | None = None,
    file: str | None = None,
) -> Variant:
    """A report's figures with the costs by layer and the confusions, as the page shows them."""
    return Variant(
        key=key,
        title=title,
        metrics=report.metrics,
        techniques=techniques or [],
        description=description,
        throughput_curve=[[float(n), float(rate)] for n, rate in report.throughput_curve],
        layers=layer_costs(network, Tensor(data.images[:1])),
        confusion=confusion(scores(network, data.images), data.labels, network.classes),
        file=file,
    )
