"""Scores of stored images by an inference session."""

from __future__ import annotations

import numpy as np

from ..models.convnet import ConvNet, normalized_bytes
from ..models.int8_convnet import Int8ConvNet

_BATCH = 256


def scores(
    network: ConvNet | Int8ConvNet, images: np.ndarray, *, mirrored: bool = False
) -> np.ndarray:
    """(N, classes) of uint8 images; with `mirrored`, the mean of those of an image and its mirror
    image."""
    session = network.session(batch=_BATCH)
    parts = []
    for i in range(0, len(images), _BATCH):
        batch = normalized_bytes(network, images[i : i + _BATCH])
        made = session(batch)
        if mirrored:
            made = (made + session(np.ascontiguousarray(batch[..., ::-1]))) / 2
        parts.append(made)
    return np.concatenate(parts)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(scores.argmax(axis=1) == labels))
