"""The networks that cifar_sweep.py compares."""

from __future__ import annotations

import dataclasses
from typing import Any

from tinytorch.datasets import Augment
from tinytorch.models.cifar import plain_swiftcnn, residual_stage, resnet20, swiftcnn
from tinytorch.recipes import RECIPES, ImageRecipe


def separable(widths: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """A convolution, then pairs of depthwise and pointwise ones (Howard et al. 2017); the first of
    each later stage halves the image."""
    first = widths[0]
    nodes: list[tuple[Any, ...]] = [("conv", "stem", 3, first, 3, 1, 1)]
    nodes += [("bn", "stem_bn", first), ("relu",)]
    before = widths[0]
    for stage, width in enumerate(widths):
        for part in range(2):
            stride = 2 if stage and not part else 1
            name = f"s{stage}{part}"
            nodes += [("conv", f"{name}d", before, before, 3, stride, 1, before)]
            nodes += [("bn", f"{name}d_bn", before), ("relu",)]
            nodes += [("conv", f"{name}p", before, width, 1, 1, 0)]
            nodes += [("bn", f"{name}p_bn", width), ("relu",)]
            before = width
    return [*nodes, ("gap",), ("linear", "fc", before, 10)]


def residual(widths: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """A residual stage per width, the first at full size too."""
    nodes: list[tuple[Any, ...]] = []
    before = 3
    for stage, width in enumerate(widths):
        nodes += residual_stage(stage, before, width)
        before = width
    return [*nodes, ("gap",), ("linear", "fc", before, 10)]


CANDIDATES: dict[str, list[tuple[Any, ...]]] = {
    "plain 16-48-64": plain_swiftcnn((16, 48, 64)),
    "plain 24-48-96": plain_swiftcnn((24, 48, 96)),
    "plain 32-64-128": plain_swiftcnn((32, 64, 128)),
    "plain 48-80-104": plain_swiftcnn((48, 80, 104)),
    "residual 32-48-96": residual((32, 48, 96)),
    "residual 32-64-80": residual((32, 64, 80)),
    "swift 16-32-48": swiftcnn((16, 32, 48)),
    "swift 32-64-80": swiftcnn((32, 64, 80)),
    "swift 48-64-80": swiftcnn((48, 64, 80)),
    "swift 32-48-96": swiftcnn((32, 48, 96)),
    "swift 32-48-64-96": swiftcnn((32, 48, 64, 96)),
    "swift 16-32-48-64": swiftcnn((16, 32, 48, 64)),
    "swift 16-32-48-64 in pairs": swiftcnn((16, 32, 48, 64)),
    "swift 48-64-80 in pairs": swiftcnn((48, 64, 80)),
    "swift 32-48-96 in pairs": swiftcnn((32, 48, 96)),
    "swift 32-48-64-96 in pairs": swiftcnn((32, 48, 64, 96)),
    "ResNet-20": resnet20(),
    "ResNet 32-48-64, 13 convolutions": resnet20((32, 48, 64), 2),
    "separable 48-96-192": separable((48, 96, 192)),
}


def candidate_recipe(name: str) -> ImageRecipe:
    """That of `swiftcnn`; only networks "in pairs" have mirror pairs, others see mirror images."""
    pairs = name.endswith("in pairs")
    return dataclasses.replace(
        RECIPES["swiftcnn"], nodes=tuple(CANDIDATES[name]), mirror_pairs=pairs,
        augment=Augment(pad=4, flip="none" if pairs else "alternating", mix=0.5),
    )  # fmt: skip
