"""Sets of labelled images, and the `Dataset` over one part of a set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dataloader import Dataset

Split = tuple[np.ndarray, np.ndarray]


class ImageDataset(Dataset):
    """Labelled images for a `DataLoader`: item i is (image, label), float32 and int64.

    Pixels stay in their stored type; an image becomes `(pixels * scale - mean) / std`, as float32,
    when it is asked for, then goes through `transform` (ndarray C x H x W in and out) and is
    flattened if asked. `mean` and `std` are per channel.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        scale: float = 1.0,
        mean: Sequence[float] | np.ndarray | None = None,
        std: Sequence[float] | np.ndarray | None = None,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        flatten: bool = False,
    ) -> None:
        if images.ndim != 4:
            raise ValueError(f"images must be (n, channels, height, width), got {images.shape}")
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images but {len(labels)} labels")
        channels = images.shape[1]
        shift = np.zeros(channels) if mean is None else np.asarray(mean, np.float64)
        spread = np.ones(channels) if std is None else np.asarray(std, np.float64)
        if shift.shape != (channels,) or spread.shape != (channels,) or (spread <= 0).any():
            raise ValueError(f"mean and std must have {channels} values, with std above 0")
        self.images = images
        self.labels = labels
        self.transform = transform
        self.flatten = flatten
        self._factor = (scale / spread).astype(np.float32)[:, None, None]
        self._offset = (-shift / spread).astype(np.float32)[:, None, None]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int64]:
        image = self._scaled(self.images[index])
        if self.transform is not None:
            image = self.transform(image)
        return (image.reshape(-1) if self.flatten else image), np.int64(self.labels[index])

    def __getbatch__(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The items at `indices`, stacked; None where each must go through `transform` alone."""
        if self.transform is not None:
            return None
        images = self._scaled(self.images[indices])
        if self.flatten:
            images = images.reshape(len(images), -1)
        return images, self.labels[indices]

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        out = pixels.astype(np.float32)
        out *= self._factor
        if self._offset.any():
            out += self._offset
        return out


class ImageSet:
    """A set with a training and a test part. Subclasses give `_load` and the class attributes."""

    classes: tuple[str, ...]
    pixel_max: int = 255
    grey: bool = False  # images come as (n, height, width)
    has_train: bool = True

    def __init__(self) -> None:
        self._parts: dict[str, Split] = {}

    def _load(self, split: str) -> Split:
        raise NotImplementedError

    def raw(self, split: str) -> Split:
        """Pixels (uint8, (n, height, width) or (n, 3, height, width)) and labels (uint8, (n,)).

        `split` is "train" or "test". The arrays are read once and kept.
        """
        if split not in ("train", "test"):
            raise ValueError(f'split must be "train" or "test", got {split!r}')
        if split not in self._parts:
            self._parts[split] = self._load(split)
        return self._parts[split]

    def get_train_data(self) -> Split:
        """Training images (float32, 0 to 1, shaped as by `raw`) and labels (int64)."""
        return self._floats("train")

    def get_test_data(self) -> Split:
        """Test images and labels; see `get_train_data`."""
        return self._floats("test")

    def _floats(self, split: str) -> Split:
        images, labels = self.raw(split)
        return images.astype(np.float32) / np.float32(self.pixel_max), labels.astype(np.int64)

    def channel_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel over the training images (0 to 1)."""
        images = self._with_channels(self.raw("train")[0])
        counts = [
            np.bincount(images[:, c].reshape(-1), minlength=256) for c in range(images.shape[1])
        ]
        values = np.arange(256) / self.pixel_max
        mean = np.array([np.average(values, weights=count) for count in counts])
        square = np.array([np.average(values**2, weights=count) for count in counts])
        return mean, np.sqrt(square - mean**2)

    def dataset(
        self,
        split: str = "train",
        *,
        normalize: bool = False,
        flatten: bool = False,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> ImageDataset:
        """One part for a `DataLoader`: images as (channels, height, width), or flat.

        With `normalize`, each channel has mean 0 and deviation 1 over the training images.
        """
        images, labels = self.raw(split)
        options: dict[str, Any] = {}
        if normalize:
            options["mean"], options["std"] = self.channel_statistics()
        return ImageDataset(
            self._with_channels(images),
            labels.astype(np.int64),
            scale=1.0 / self.pixel_max,
            transform=transform,
            flatten=flatten,
            **options,
        )

    def _with_channels(self, images: np.ndarray) -> np.ndarray:
        return images[:, None] if self.grey else images


def check_part(images: np.ndarray, labels: np.ndarray, classes: int, where: str) -> Split:
    """The two arrays, after checking that they are uint8, as many as each other, and in range."""
    if images.dtype != np.uint8 or labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(f"{where}: images and labels must be bytes")
    if len(images) != len(labels):
        raise ValueError(f"{where}: {len(images)} images but {len(labels)} labels")
    if labels.size and labels.max() >= classes:
        raise ValueError(f"{where}: label {labels.max()}, but labels are 0 to {classes - 1}")
    return images, labels
