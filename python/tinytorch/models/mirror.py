"""Networks whose channels come in mirror pairs: one has in an image what its partner has in the
mirror image (Cohen and Welling 2016, "Group equivariant convolutional networks", for the group of
two). With the partner p(c) of channel c, filters are W[p(o), p(i), y, -x] = W[o, i, y, x]: half of
them say what the others are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .nodes import Node


class Partners(NamedTuple):
    """Of each channel that a layer takes and makes, its partner."""

    taken: np.ndarray
    made: np.ndarray


def partners(
    nodes: Sequence[Node],
    input_shape: Sequence[int],
    whitened: Callable[[str], np.ndarray] | None = None,
) -> dict[str, Partners]:
    """By name, those of each layer: of convolutions' results channel c and c + half of them.

    whitened: the partners of a whitening layer's filters, by its name; without, there may be none.

    ValueError for networks that see left and right differently: with strides, groups, odd widths
    of images before a pool or of channels, or a linear layer for positions.
    """
    reader = _Reader(whitened)
    reader.read(nodes, np.arange(input_shape[0]), input_shape[2])
    return reader.found


def one_of_each(pairs: np.ndarray) -> np.ndarray:
    """The first channel of each pair; `pairs` has the partner of each."""
    return np.flatnonzero(np.arange(len(pairs)) <= pairs)


def both(half: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The filters (O, I, H, W) whose first half is given; `taken` as in `Partners`."""
    return np.concatenate([half, half[:, taken][..., ::-1]])


class _Reader:
    def __init__(self, whitened: Callable[[str], np.ndarray] | None) -> None:
        self.found: dict[str, Partners] = {}
        self._whitened = whitened

    def read(self, nodes: Sequence[Node], taken: np.ndarray, width: int) -> tuple[np.ndarray, int]:
        """Of the results: each channel's partner, and the images' width (0: none)."""
        kept: list[tuple[np.ndarray, int]] = []
        for node in nodes:
            kind = node[0]
            if kind in ("conv", "whiten"):
                taken, width = self._read_convolution(node, taken, width)
            elif kind == "bn":
                self.found[node[1]] = Partners(taken, taken)
            elif kind == "linear":
                if width > 1:
                    raise ValueError(f"{node!r} sees positions: a mirror image has others")
                self.found[node[1]] = Partners(taken, np.arange(node[3]))
                taken = np.arange(node[3])
            elif kind == "maxpool":
                if width % node[1]:
                    raise ValueError(f"{node!r} cuts columns off images that are {width} wide")
                width //= node[1]
            elif kind == "gap":
                width = 1
            elif kind == "push":
                kept.append((taken, width))
            elif kind == "proj":
                kept[-1] = self.read(node[1], *kept[-1])
            elif kind == "add":
                kept.pop()
        return taken, width

    def _read_convolution(
        self, node: Node, taken: np.ndarray, width: int
    ) -> tuple[np.ndarray, int]:
        stride, padding = node[5:7] if node[0] == "conv" else (1, 0)
        if stride > 1 or len(node) == 8:
            raise ValueError(f"{node!r}: mirror pairs are for convolutions without strides, groups")
        if node[0] == "conv":
            made = _halves(node)
        elif self._whitened is None:
            raise ValueError(f"{node!r}: which of its filters are partners is not known")
        else:
            made = self._whitened(node[1])
        self.found[node[1]] = Partners(taken, made)
        return made, width + 2 * padding - node[4] + 1


def _halves(node: Node) -> np.ndarray:
    half, odd = divmod(node[3], 2)
    if odd:
        raise ValueError(f"{node!r}: an odd number of channels has no mirror pairs")
    return np.concatenate([np.arange(half, 2 * half), np.arange(half)])
