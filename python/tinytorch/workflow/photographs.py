"""A shipped network on the photographs that come with the package."""

from __future__ import annotations

import numpy as np

from ..datasets import CIFAR10Sample
from ..models import load_model
from ..models.convnet import normalized_bytes
from ..models.int8_convnet import Int8ConvNet
from ..models.shipped import shipped
from ..perf._timing import median_ms
from ..report.record import Photograph, Photographs
from .measure import probabilities

MODEL = "swiftcnn-int8"
_MISTAKES, _PER_CLASS = 6, 2


def classified(model: str = MODEL, runs: int = 200) -> Photographs:
    """Classify all photographs, and time one image `runs` times. `shown` are the surest mistakes,
    then some of each class that were recognised."""
    path = shipped(model)
    network = load_model(path).network
    assert isinstance(network, Int8ConvNet)
    sample = CIFAR10Sample()
    pixels, labels = sample.raw("test")
    images = normalized_bytes(network, pixels)
    one, many = network.session(batch=1), network.session(batch=len(images))
    shares = probabilities(many(images))
    said = shares.argmax(axis=1)
    photographs = [
        Photograph(
            int(i), sample.classes[labels[i]], sample.classes[said[i]], float(shares[i, said[i]])
        )
        for i in _worth_showing(shares, labels)
    ]
    return Photographs(
        model=model,
        file_bytes=path.stat().st_size,
        count=len(labels),
        right=int((said == labels).sum()),
        latency_us=1e3 * median_ms(lambda: one(images[:1]), 1, runs),
        images_per_s=1e3 * len(images) / median_ms(lambda: many(images), 0, max(5, runs // 20)),
        shown=photographs,
    )


def _worth_showing(shares: np.ndarray, labels: np.ndarray) -> list[int]:
    said = shares.argmax(axis=1)
    wrong, right = np.flatnonzero(said != labels), np.flatnonzero(said == labels)
    surest = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:_MISTAKES]
    by_class = [right[labels[right] == c][:_PER_CLASS] for c in range(shares.shape[1])]
    return [int(i) for i in np.concatenate([surest, *by_class])]
