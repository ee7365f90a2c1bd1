"""Batches of training images that the engine makes from stored bytes: shuffled, normalized, moved,
mirrored, cut. For whole trainings on images; a `DataLoader` over `ImageDataset` is the general way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from ..core._sample_order import permutation, seeded
from ..core.tensor import Tensor


@dataclass(frozen=True)
class Augment:
    """What is done to each training image, by draws that depend on (seed, epoch, image) alone.

    pad: pixels by which an image moves, at most, along each axis. border: what comes in from
    outside, "reflect" or "zero" (the mean colour). flip: "none", "random" or "alternating", which
    mirrors every other epoch, beginning with half of the images. cutout: side of a square of the
    mean colour. mix: the share of batches in which a rectangle of each image, of any size, is that
    of another image (Yun et al. 2019, "CutMix"); the loader's docstring has what becomes of labels.
    """

    pad: int = 0
    border: str = "reflect"
    flip: str = "none"
    cutout: int = 0
    mix: float = 0.0


class ImageLoader:
    """Batches (images float32 Tensor (n, C, H, W), labels int64) of a labelled set, in an order
    that depends on (seed, epoch) alone; for a `Trainer`, which keeps its place in checkpoints.

    With `augment.mix` labels are float32 (n, 3): the class, that of the other image, and the share
    of pixels that are the first one's.

    Args:
        images: uint8 (N, C, H, W).
        labels: (N,).
        mean, std: of each channel, of values from 0 to 1.
        shuffle: a new order each epoch; a last batch that is not full is then left out.
        period: epochs after which all draws begin anew, and the same batches come again; 0 for
            never. Then one can keep what was computed about them.
        small_epochs: first epochs whose images, once augmented, have half the sides: means of
            2 x 2 pixels. What a network learns first it learns from a quarter of them.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment | None = None,
        shuffle: bool = True,
        seed: int = 0,
        period: int = 0,
        small_epochs: int = 0,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 4:
            raise ValueError(
                f"images must be uint8 (N, C, H, W), got {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} images but labels of shape {labels.shape}")
        if not 1 <= batch_size <= len(images):
            raise ValueError(f"batch_size must be 1 to {len(images)}, got {batch_size}")
        if augment is not None and not 0 <= augment.mix <= 1:
            raise ValueError(f"mix is a share, 0 to 1, got {augment.mix}")
        if period < 0:
            raise ValueError(f"period must be 0 or a number of epochs, got {period}")
        if small_epochs < 0:
            raise ValueError(f"small_epochs must be 0 or a number of epochs, got {small_epochs}")
        if small_epochs > 0 and min(images.shape[2:]) < 2:
            raise ValueError(f"images of {images.shape[2]} x {images.shape[3]} have no halves")
        self.images = np.ascontiguousarray(images)
        self.labels = labels.astype(np.int64)
        self.batch_size = batch_size
        self.mean, self.std = list(map(float, mean)), list(map(float, std))
        self.augment = augment or Augment()
        self.shuffle = shuffle
        self.seed = seed
        self.period = period
        self.small_epochs = small_epochs
        self._epoch = 0  # of the next or the running pass
        self._done = 0  # batches of it

    def __len__(self) -> int:
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole + (rest > 0 and not self.shuffle)

    def __iter__(self) -> Iterator[tuple[Tensor, np.ndarray]]:
        order = self._order()
        for number in range(self._done, len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            batch = self._images(rows), self.labels[rows]
            if self.augment.mix > 0:
                batch = self._mixed(*batch, np.random.default_rng((self.seed, self.drawn, number)))
            self._done = number + 1
            yield batch
        self._epoch, self._done = self._epoch + 1, 0

    @property
    def drawn(self) -> int:
        """The number that this epoch's draws depend on."""
        return self._epoch % self.period if self.period else self._epoch

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed, "epoch": self._epoch, "done": self._done, "count": len(self)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state["seed"] != self.seed or state["count"] != len(self):
            raise ValueError(
                f"the checkpoint was made with seed {state['seed']} and {state['count']} batches, "
                f"this loader has seed {self.seed} and {len(self)}"
            )
        self._epoch, self._done = int(state["epoch"]), int(state["done"])

    def _order(self) -> np.ndarray:
        if not self.shuffle:
            return np.arange(len(self.images))
        return np.array(permutation(seeded(self.seed, self.drawn), len(self.images)), np.int64)

    def _images(self, rows: np.ndarray) -> Tensor:
        a = self.augment
        images = Tensor(
            _core.data.augmented(
                self.images, rows, self.mean, self.std, pad=a.pad, border=a.border, flip=a.flip,
                cutout=a.cutout, seed=self.seed, epoch=self.drawn,
            )
        )  # fmt: skip
        return _core.ops.avg_pool2d(images, 2, 2) if self._epoch < self.small_epochs else images

    def _mixed(
        self, images: Tensor, labels: np.ndarray, draws: np.random.Generator
    ) -> tuple[Tensor, np.ndarray]:
        """Each image with the next one's rectangle, which is at one place in the whole batch."""
        others, share = np.roll(labels, -1), 1.0
        if draws.random() < self.augment.mix:
            height, width = images.shape[2:]
            side = np.sqrt(draws.random())
            top, bottom = _interval(draws, height, side)
            left, right = _interval(draws, width, side)
            pixels = images.data
            part = np.roll(pixels[:, :, top:bottom, left:right], -1, axis=0)
            pixels[:, :, top:bottom, left:right] = part
            images = Tensor(pixels)
            share = 1 - (bottom - top) * (right - left) / (height * width)
        columns = [labels, others, np.full(len(labels), share)]
        return images, np.stack(columns, axis=1).astype(np.float32)


def _interval(draws: np.random.Generator, size: int, share: float) -> tuple[int, int]:
    """A `share` of `size` around a random middle, cut at the ends."""
    middle, half = draws.integers(size), size * share / 2
    return max(0, round(middle - half)), min(size, round(middle + half))
