"""Networks as lists of nodes: reading them from a config that may hold anything, and what can be
said of them without weights. `models.convnet` says what nodes there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from .networks import MAX_SIZE, MAX_WEIGHTS

Node = tuple[Any, ...]

MAX_NODES = 512
_LENGTHS = {
    "conv": (7, 8), "whiten": (5, 5), "bn": (3, 3), "linear": (4, 4), "maxpool": (2, 2),
    "relu": (1, 1), "gap": (1, 1), "flatten": (1, 1), "push": (1, 1), "add": (1, 1),
    "proj": (2, 2),
}  # fmt: skip


def with_bias(nodes: Sequence[Node]) -> Iterator[tuple[Node, bool]]:
    """Nodes that have layers, branches' too, and whether a convolution there has a bias."""
    for i, node in enumerate(nodes):
        if node[0] == "proj":
            yield from with_bias(node[1])
        elif node[0] in ("conv", "whiten", "bn", "linear"):
            after = next((n[0] for n in nodes[i + 1 :] if n[0] != "maxpool"), "")
            yield node, after != "bn"


def walk(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if node[0] == "proj":
            yield from walk(node[1])
        else:
            yield node


def plain(node: Node) -> Node:
    """A node as the session knows it."""
    if node[0] == "whiten":
        return ("conv", *node[1:], 1, 0)
    if node[0] == "proj":
        return ("proj", [plain(inner) for inner in node[1]])
    return node


def listed(node: Node) -> list[Any]:
    if node[0] == "proj":
        return ["proj", [listed(inner) for inner in node[1]]]
    return list(node)


def checked(nodes: Any) -> list[Node]:
    found = _read(nodes, 0)
    if not 1 <= sum(1 for _ in walk(found)) <= MAX_NODES:
        raise ValueError(f"a network has 1 to {MAX_NODES} nodes")
    weights = sum(_weights(node) for node in walk(found))
    if weights > MAX_WEIGHTS:
        raise ValueError(f"the nodes need {weights:,} weights, at most {MAX_WEIGHTS:,}")
    return found


def _read(nodes: Any, depth: int) -> list[Node]:
    if not isinstance(nodes, (list, tuple)) or len(nodes) > MAX_NODES or depth > 8:
        raise ValueError(f"nodes must be a list of at most {MAX_NODES}, in at most 8 levels")
    found: list[Node] = []
    kept = 0
    for node in nodes:
        if not isinstance(node, (list, tuple)) or not node or node[0] not in _LENGTHS:
            raise ValueError(f"unknown node {node!r}; there are {', '.join(_LENGTHS)}")
        least, most = _LENGTHS[node[0]]
        if not least <= len(node) <= most:
            raise ValueError(f"node {node!r} needs {least} parts")
        kept += {"push": 1, "add": -1}.get(node[0], 0)
        if kept < 0 or (node[0] == "proj" and kept == 0):
            raise ValueError(f"{node[0]!r} without 'push' before it")
        if node[0] == "proj":
            found.append(("proj", _read(node[1], depth + 1)))
            continue
        _check_node(node)
        found.append(tuple(node))
    if kept:
        raise ValueError("'push' without 'add' after it")
    return found


def _check_node(node: Sequence[Any]) -> None:
    named = node[0] in ("conv", "whiten", "bn", "linear")
    if named and (not isinstance(node[1], str) or not node[1].isidentifier()):
        raise ValueError(f"node {node!r}: the name must be an identifier")
    if named and node[1].startswith("_"):
        raise ValueError(f"node {node!r}: this name is taken")
    padding = 6 if node[0] == "conv" else -1
    for i, size in enumerate(node):
        if i == 0 or (named and i == 1):
            continue
        low = 0 if i == padding else 1
        if isinstance(size, bool) or not isinstance(size, int) or not low <= size <= MAX_SIZE:
            raise ValueError(f"node {node!r}: {size!r} must be a whole number up to {MAX_SIZE}")
    if len(node) == 8 and (node[2] % node[7] or node[3] % node[7]):
        raise ValueError(f"node {node!r}: the groups must divide both numbers of channels")


def _weights(node: Node) -> int:
    if node[0] in ("conv", "whiten"):
        groups = node[7] if len(node) == 8 else 1
        return int(math.prod(node[2:4]) // groups * node[4] ** 2)
    return int(math.prod(node[2:4])) if node[0] == "linear" else 0


def folds(nodes: Sequence[Node]) -> Iterator[tuple[str, str, bool]]:
    """(convolution, norm of its results, whether a pool is between them)"""
    conv, pooled = "", False
    for node in nodes:
        if node[0] == "bn":
            if not conv:
                raise ValueError(f"the norm {node[1]!r} follows no convolution")
            yield conv, node[1], pooled
        if node[0] == "proj":
            yield from folds(node[1])
        if node[0] in ("conv", "whiten"):
            conv, pooled = node[1], False
        elif node[0] == "maxpool":
            pooled = True
        else:
            conv = ""


def without_norms(nodes: Sequence[Node]) -> list[Node]:
    kept = [node for node in nodes if node[0] != "bn"]
    return [("proj", without_norms(node[1])) if node[0] == "proj" else node for node in kept]


def macs(nodes: Sequence[Node], input_shape: Sequence[int]) -> int:
    """Multiply-adds of a network's convolutions and linear layers for one image."""
    return _macs(nodes, tuple(input_shape))[0]


def _macs(nodes: Sequence[Node], shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """(multiply-adds, shape of the result)"""
    total = 0
    kept: list[tuple[int, ...]] = []
    for node in nodes:
        kind = node[0]
        shape = _after(node, shape)
        if kind in ("conv", "whiten", "linear"):
            total += _weights(node) * math.prod(shape[1:])
        elif kind == "push":
            kept.append(shape)
        elif kind == "proj":
            more, kept[-1] = _macs(node[1], kept[-1])
            total += more
        elif kind == "add":
            kept.pop()
    return total, shape


def _after(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the node's result for one image; of a branch's nodes, that it leaves alone."""
    kind = node[0]
    if kind in ("conv", "whiten"):
        kernel, (stride, padding) = node[4], node[5:7] if kind == "conv" else (1, 0)
        return (node[3], *((s + 2 * padding - kernel) // stride + 1 for s in shape[1:]))
    if kind == "linear":
        return (node[3],)
    if kind == "maxpool":
        return (shape[0], *(s // node[1] for s in shape[1:]))
    return shape[:1] if kind == "gap" else shape


def for_half_images(nodes: Sequence[Node], input_shape: Sequence[int]) -> list[Node]:
    """The nodes for images of half the sides: what pools a whole plane pools a whole one still.

    ValueError where planes vanish, or a linear layer would have another number of inputs.
    """
    whole = tuple(input_shape)
    half = (whole[0], *(side // 2 for side in whole[1:]))
    found = []
    for node in nodes:
        here = node
        if node[0] == "maxpool" and whole[1:] == (node[1], node[1]):
            here = ("maxpool", max(half[1], 1))
        if node[0] == "linear" and math.prod(half) != node[2]:
            raise ValueError(
                f"{node[1]!r} has {node[2]} inputs, and {math.prod(half)} for images of half the "
                f"sides: the network must pool what is left of them"
            )
        whole, half = _after(node, whole), _after(here, half)
        if min(half) < 1:
            raise ValueError(f"images of half the sides have nothing left after {node!r}")
        found.append(here)
    return found
