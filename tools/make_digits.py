"""Write python/tinytorch/datasets/digits.safetensors from scikit-learn's copy of the digits.

    python -m venv /tmp/sk && /tmp/sk/bin/pip install scikit-learn tinytorch
    /tmp/sk/bin/python tools/make_digits.py

1,797 images of 8 x 8 pixels, values 0 to 16. Within each class every fifth image, in the order of
the source, becomes a test image: 364 of them, and 1,433 for training. The file is the same on every
run. docs/data.md states origin and licence.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tinytorch.io import save_safetensors

TARGET = Path(__file__).resolve().parent.parent / "python/tinytorch/datasets/digits.safetensors"
METADATA = {
    "name": "Optical Recognition of Handwritten Digits (the test part), 8x8",
    "source": "https://archive.ics.uci.edu/dataset/80, by way of scikit-learn's load_digits",
    "creators": "E. Alpaydin, C. Kaynak (1998), https://doi.org/10.24432/C50P49",
    "licence": "CC BY 4.0",
    "changes": "pixels as uint8; every fifth image of a class set apart as test image",
}


def split(labels: np.ndarray) -> np.ndarray:
    """True for test images."""
    test = np.zeros(len(labels), bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[::5]] = True
    return test


def main(target: Path) -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    images = source.images.astype(np.uint8)
    labels = source.target.astype(np.uint8)
    assert images.shape == (1797, 8, 8)
    assert np.array_equal(images, source.images)
    assert images.max() == 16
    test = split(labels)
    tensors = {
        "train_images": images[~test],
        "train_labels": labels[~test],
        "test_images": images[test],
        "test_labels": labels[test],
    }
    save_safetensors(target, tensors, METADATA)
    print(f"{target}: {(~test).sum()} training and {test.sum()} test images")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
