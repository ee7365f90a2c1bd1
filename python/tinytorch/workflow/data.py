"""Labelled images for training and testing, by name or from a file."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import datasets
from ..core.dataloader import DataLoader
from ..core.tensor import Tensor

# name -> (class, what it is and how it is split)
SETS: dict[str, tuple[Any, str]] = {
    "digits": (
        datasets.TinyDigits,
        "8x8 handwritten digits shipped with the package (UCI, Alpaydin and Kaynak 1998); a fixed "
        "split, 80 % for training and 20 % for testing in each class",
    ),
    "mnist": (datasets.MNIST, "28x28 handwritten digits, the standard split"),
    "cifar10": (datasets.CIFAR10, "32x32 colour photographs, the standard split"),
    "cifar10-sample": (
        datasets.CIFAR10Sample,
        "200 of CIFAR-10's test images, 20 of each class, shipped with the package",
    ),
}


@dataclass
class Data:
    """Images (N, channels, height, width) in 0..1 and their classes; `train_set` may be missing."""

    name: str
    source: str
    classes: tuple[str, ...]
    images: np.ndarray  # of the test part
    labels: np.ndarray
    train_set: Any = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.images.shape[1:]

    @property
    def train_count(self) -> int:
        return 0 if self.train_set is None else len(self.train_set.raw("train")[1])

    def inputs(self) -> Tensor:
        return Tensor(self.images)

    def train_images(self, count: int) -> Tensor:
        """The first training images, to calibrate by."""
        images, _ = self.train_set.dataset("train").__getbatch__(
            np.arange(min(count, self.train_count))
        )
        return Tensor(images)

    def train_loader(
        self, batch_size: int, seed: int, shift: int = 0, shift_share: float = 0.0
    ) -> DataLoader:
        """Shuffled by the seed; a share of the images moved by up to `shift` pixels (the draws come
        from NumPy's global generator, whose state a checkpoint keeps)."""
        if self.train_set is None:
            raise ValueError(f"{self.name} has no training part")
        images = self.train_set.dataset("train")
        moved = Shifted(images, shift, shift_share) if shift and shift_share else images
        return DataLoader(moved, batch_size, shuffle=True, seed=seed)

    def test_loader(self, batch_size: int = 256) -> DataLoader:
        return DataLoader(_Rows(self.images, self.labels), batch_size)


class Shifted:
    """A data set of images, some of them moved by up to `shift` pixels, with zeros behind them."""

    def __init__(self, images: Any, shift: int, share: float) -> None:
        self.images, self.shift, self.share = images, shift, share

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        images, labels = self.__getbatch__(np.array([index]))
        return images[0], labels[0]

    def __getbatch__(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = self.images.__getbatch__(indices)
        count, _, height, width = images.shape
        moved = (np.random.random(count) < self.share)[:, None]
        reach = self.shift
        down, right = np.where(moved, np.random.randint(-reach, reach + 1, (count, 2)), 0).T
        padded = np.pad(images, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
        rows = (reach + down)[:, None] + np.arange(height)
        columns = (reach + right)[:, None] + np.arange(width)
        every = np.arange(count)[:, None, None]
        picked = padded[every, :, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
        return np.ascontiguousarray(np.moveaxis(picked, 3, 1)), labels


class _Rows:
    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        return self.images[index], self.labels[index]

    def __getbatch__(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.images[indices], self.labels[indices]


def load(name: str) -> Data:
    """A data set by name. FileNotFoundError says where a full set was looked for."""
    if name not in SETS:
        raise ValueError(f"no data set {name!r}; there are {', '.join(SETS)}")
    kind, source = SETS[name]
    images = kind()
    pixels, labels = images.get_test_data()
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    train_set = images if images.has_train else None
    return Data(name, source, images.classes, pixels, labels, train_set)


def load_npz(path: str | os.PathLike[str]) -> Data:
    """Test data from an .npz file with `images`, (N, C, H, W) or (N, H, W), and `labels`, (N,).

    uint8 images are divided by 255. Nothing is unpickled. ValueError for anything else.
    """
    name = os.fspath(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = _member(file, "images", "x"), _member(file, "labels", "y")
    except (zipfile.BadZipFile, EOFError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} must be an .npz file with images and labels: {error}") from None
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or labels.shape != (len(images),) or len(images) == 0:
        raise ValueError(
            f"{name}: images must be (N, C, H, W) and labels (N,), got {images.shape} and "
            f"{labels.shape}"
        )
    if images.dtype.kind not in "buif" or labels.dtype.kind not in "ui":
        raise ValueError(f"{name}: images must be numbers and labels whole numbers")
    scale = np.float32(1 / 255) if images.dtype == np.uint8 else np.float32(1)
    classes = tuple(str(i) for i in range(int(labels.max()) + 1))
    return Data(name, name, classes, images.astype(np.float32) * scale, labels.astype(np.int64))


def _member(file: Any, *names: str) -> np.ndarray:
    for name in names:
        if name in file:
            return np.asarray(file[name])
    raise KeyError(f"no array {names[0]!r} among {', '.join(file.files) or 'none'}")
