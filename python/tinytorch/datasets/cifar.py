"""CIFAR-10: 50,000 training and 10,000 test images, 32x32 RGB, from either standard layout.

    binary  data_batch_1.bin ... test_batch.bin: records of 1 label byte and 3,072 pixel bytes
    python  data_batch_1 ... test_batch: pickled dicts, read by a reader that runs nothing

Pixels are the red, green and blue plane of an image, each row by row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import _safe_pickle
from ..io import load_safetensors
from ._folder import PathLike, find, first_file
from ._images import ImageSet, Split, check_part

SAMPLE_FILE = Path(__file__).with_name("cifar10_sample.safetensors")

_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
_LAYOUTS = ("cifar-10-batches-bin", "cifar-10-batches-py")
_FOLDERS = (".", *(f"{top}{layout}" for top in ("", "cifar10/", "CIFAR10/") for layout in _LAYOUTS))
_SOURCE = (
    "the binary or the python version, unpacked, from https://www.cs.toronto.edu/~kriz/cifar.html"
)


class CIFAR10(ImageSet):
    """The ten-class tiny images of Krizhevsky (2009): 3 x 32 x 32.

    The folder cifar-10-batches-bin or cifar-10-batches-py is looked for in `root` and in its folder
    cifar10.
    """

    classes = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )

    def __init__(self, root: PathLike | None = None) -> None:
        super().__init__()
        self.folder = find("CIFAR-10", root, _FOLDERS, _names("data_batch_1"), _SOURCE)

    def _load(self, split: str) -> Split:
        batches = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
        parts = [_read(first_file(self.folder, _names(batch))) for batch in batches]
        images = np.concatenate([images for images, _ in parts])
        return images, np.concatenate([labels for _, labels in parts])


class CIFAR10Sample(ImageSet):
    """200 of CIFAR-10's test images, 20 of each class, which come with the package. There is no
    training part."""

    classes = CIFAR10.classes
    has_train = False

    def _load(self, split: str) -> Split:
        if split == "train":
            raise ValueError("the sample has test images only; CIFAR10 reads the whole set")
        tensors = load_safetensors(SAMPLE_FILE)
        images = integrated(tensors["differences"])
        return check_part(images, tensors["labels"], len(self.classes), str(SAMPLE_FILE))


def differences(images: np.ndarray) -> np.ndarray:
    """Images as differences of green and blue to red, and of neighbours, modulo 256: the package's
    archive compresses them to 60 % of what it makes of the pixels."""
    made = images.copy()
    made[:, 1:] -= images[:, :1]
    for axis in (3, 2):
        made = np.diff(made, axis=axis, prepend=np.uint8(0))
    return made


def integrated(stored: np.ndarray) -> np.ndarray:
    """The images that `differences` made these of."""
    made = stored
    for axis in (2, 3):
        made = np.cumsum(made, axis=axis, dtype=np.uint8)
    made[:, 1:] += made[:, :1]
    return made


def _names(batch: str) -> list[str]:
    return [batch + ".bin", batch]


def _read(path: Path) -> Split:
    images, labels = _read_binary(path) if path.suffix == ".bin" else _read_python(path)
    return check_part(images.reshape(-1, 3, 32, 32), labels, len(CIFAR10.classes), str(path))


def _read_binary(path: Path) -> Split:
    data = np.fromfile(path, np.uint8)
    if data.size == 0 or data.size % _RECORD:
        raise ValueError(
            f"{path}: {data.size} bytes are no whole number of {_RECORD}-byte records; is it "
            "truncated?"
        )
    records = data.reshape(-1, _RECORD)
    return records[:, 1:], records[:, 0].copy()


def _read_python(path: Path) -> Split:
    try:
        content = _safe_pickle.load(path, encoding="bytes")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    images, labels = _field(content, "data"), _field(content, "labels")
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise ValueError(f"{path}: 'data' must be an array of bytes")
    if images.ndim != 2 or images.shape[1] != _PIXELS:
        raise ValueError(f"{path}: 'data' must be (n, {_PIXELS}), got {images.shape}")
    if not isinstance(labels, list) or not all(
        type(label) is int and 0 <= label < len(CIFAR10.classes) for label in labels
    ):
        raise ValueError(f"{path}: 'labels' must be a list of numbers from 0 to 9")
    return images, np.array(labels, np.uint8)


def _field(content: Any, name: str) -> Any:
    """A Python 2 batch has bytes for keys, one written by Python 3 text."""
    if not isinstance(content, dict):
        return None
    return content.get(name.encode(), content.get(name))
