"""Learning from a trained network's answers beside the labels (Hinton et al. 2015).

loss = (1 - share) CE(labels, z) + share T^2 CE(softmax(teacher / T), z / T)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import _core
from ..core.tensor import Tensor
from ..datasets import ImageLoader
from ..models.int8_convnet import Int8ConvNet
from ._mixed import MixedLoss

_ops = _core.ops


class TaughtLoader:
    """Batches of `loader` with targets (N, ... + classes): the label, of mixed images three
    columns, then a teacher's scores; with `mirrored` their mean with those of the mirror image.

    Of several teachers each batch asks the next one, so that over the epochs an image is asked
    about everywhere: learning from their mean costs as much as from one. Batches that come again
    (the loader's `period`) are asked about once.
    """

    def __init__(self, loader: ImageLoader, *teachers: Int8ConvNet, mirrored: bool = False) -> None:
        self.loader = loader
        self.mirrored = mirrored
        self.teachers = [_Teacher(one, loader) for one in teachers]
        self._known: dict[tuple[int, int], np.ndarray] = {}  # (epoch, batch) to answers

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, np.ndarray]]:
        for images, labels in self.loader:
            answers = self._answers(np.asarray(images.data))
            known = labels.astype(np.float32).reshape(len(labels), -1)
            yield images, np.concatenate([known, answers], axis=1)

    def _answers(self, images: np.ndarray) -> np.ndarray:
        """To the batch that the loader has just made."""
        epoch, number = self.loader.drawn, self.loader.state_dict()["done"]
        if (epoch, number) in self._known:
            return self._known[epoch, number]
        teacher = self.teachers[(epoch + number) % len(self.teachers)]
        answers = teacher.scores(images)
        if self.mirrored:
            answers = (answers + teacher.scores(images[..., ::-1])) / 2
        if self.loader.period:
            self._known[epoch, number] = answers
        return answers

    def state_dict(self) -> dict[str, Any]:
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.loader.load_state_dict(state)


class _Teacher:
    """Scores of images that a loader has normalized."""

    def __init__(self, network: Int8ConvNet, loader: ImageLoader) -> None:
        self.session = network.session(batch=loader.batch_size)
        # The teacher normalizes in its own way.
        mean, std = np.array(loader.mean), np.array(loader.std)
        self._scale = (std / network.std).astype(np.float32)[:, None, None]
        self._shift = ((mean - network.mean) / network.std).astype(np.float32)[:, None, None]
        self._same = bool(np.all(self._scale == 1) and np.all(self._shift == 0))

    def scores(self, images: np.ndarray) -> np.ndarray:
        return self.session(images if self._same else images * self._scale + self._shift)


class TaughtLoss:
    """The loss above, for the targets of a `TaughtLoader`."""

    def __init__(self, share: float, temperature: float, label_smoothing: float) -> None:
        self.share, self.temperature = share, temperature
        self.labels = MixedLoss(label_smoothing)

    def forward(self, outputs: Tensor, targets: np.ndarray) -> Tensor:
        known = targets.shape[1] - outputs.shape[1]
        hard = self.labels.forward(outputs, targets[:, 0] if known == 1 else targets[:, :known])
        answers = targets[:, known:] / np.float32(self.temperature)
        shares = np.exp(answers - answers.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        weight = self.share * self.temperature**2 / len(targets)
        logs = _ops.log_softmax(_ops.mul(outputs, Tensor(1.0 / self.temperature)), -1)
        soft = _ops.sum(_ops.mul(logs, Tensor(shares * np.float32(-weight))))
        return _ops.add(_ops.mul(hard, Tensor(1.0 - self.share)), soft)
