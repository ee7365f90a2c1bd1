"""Checks of notebooks/03_cifar10."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ._verdict import call, require


def _output_side(answer: Any) -> str:
    for side, kernel, stride, padding in (
        (32, 3, 1, 1),
        (32, 5, 2, 2),
        (10, 3, 1, 0),
        (9, 4, 3, 1),
    ):
        layer = Conv2d(1, 1, kernel, stride=stride, padding=padding)
        expected = layer(Tensor(np.zeros((1, 1, side, side), np.float32))).shape[-1]
        got = call(answer, side, kernel, stride, padding)
        require(
            got == expected and int(got) == got,
            f"side {side}, kernel {kernel}, stride {stride}, padding {padding}: got {got}; how "
            "many places are there for the kernel's left edge?",
        )
    return "as many positions as Conv2d has"


def _receptive_field(answer: Any) -> str:
    cases = {
        ((3, 1),): 3,
        ((3, 1), (3, 1)): 5,
        ((3, 1), (2, 2), (3, 1)): 8,
        ((5, 2), (3, 1), (2, 2), (3, 1), (2, 2)): 23,
        (): 1,
    }
    for layers, expected in cases.items():
        got = call(answer, list(layers))
        require(
            got == expected,
            f"{list(layers)}: got {got}; each stride widens the steps of all layers after it",
        )
    return "every pixel that can reach one output"


def _confused(answer: Any) -> str:
    rng = np.random.default_rng(5)
    for size in (3, 10):
        counts = rng.integers(0, 30, (size, size))
        counts[np.arange(size), np.arange(size)] = 500
        true, taken = int(rng.integers(size - 1)), size - 1
        counts[true, taken] = 99
        before = counts.copy()
        got = call(answer, counts)
        require((counts == before).all(), "leave the given array as it is: work on a copy")
        got = tuple(int(i) for i in got)
        require(got[0] != got[1], "the diagonal holds the right answers, not confusions")
        require(got == (true, taken), "the order is (true class, predicted class)")
    return "that is the pair to look at first"


CHECKS = {"03.1": _output_side, "03.2": _receptive_field, "03.3": _confused}
