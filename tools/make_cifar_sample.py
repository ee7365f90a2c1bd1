#!/usr/bin/env python3
"""Write the 200 photographs that come with the package: the first 20 of each class among CIFAR-10's
test images (Krizhevsky 2009), so that the demo and the notebooks have something to classify.

    TINYTORCH_DATA=DIR python tools/make_cifar_sample.py
"""

from __future__ import annotations

import numpy as np

from tinytorch.datasets import CIFAR10
from tinytorch.datasets.cifar import SAMPLE_FILE, differences
from tinytorch.io import save_safetensors

PER_CLASS = 20


def main() -> None:
    images, labels = CIFAR10().raw("test")
    rows = np.sort(
        np.concatenate(
            [np.flatnonzero(labels == c)[:PER_CLASS] for c in range(len(CIFAR10.classes))]
        )
    )
    tensors = {"differences": differences(images[rows]), "labels": labels[rows]}
    source = "CIFAR-10 test images, the first 20 of each class; Krizhevsky 2009"
    save_safetensors(SAMPLE_FILE, tensors, {"source": source})
    print(f"{SAMPLE_FILE}: {len(rows)} images, {SAMPLE_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
