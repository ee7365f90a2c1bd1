"""Before the first step: starting weights, and which parameters learn how."""

from __future__ import annotations

import itertools

import numpy as np

from ..core._batch_norm import BatchNorm2d
from ..core.layers import Linear
from ..core.optimizers import SGD, Optimizer
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ..models.convnet import ConvNet, normalized_bytes
from ..models.mirror import one_of_each
from ..optim import Groups, Muon
from ._mirror import MirrorPairs
from ._recipe import ImageRecipe

_WHITENED_IMAGES = 1000
# Added to the variances: what JPEG takes away of an image is not blown up where another has it.
_EPS = 5e-3
_APART = 1e-9  # of all variance


def start(network: ConvNet, recipe: ImageRecipe, images: np.ndarray) -> MirrorPairs | None:
    """Set the weights that are not simply drawn; `images` are uint8 training images. Returns the
    pairs of a recipe that has them."""
    for node in network.nodes:
        if node[0] == "whiten":
            seen = normalized_bytes(network, images[:_WHITENED_IMAGES])
            layer = getattr(network, node[1])
            layer.weight = Tensor(whitening_filters(seen, node[4], node[3], recipe.mirror_pairs))
    pairs = MirrorPairs(network) if recipe.mirror_pairs else None
    for name, layer in network.named_layers():
        if isinstance(layer, Conv2d) and recipe.identity and layer.weight.requires_grad:
            outputs, inputs = layer.weight.shape[:2]
            passed = np.arange(min(outputs, inputs))
            if pairs is not None:
                passed = one_of_each(pairs.partners[name].taken)[: outputs // 2]
            _begin_as_identity(layer, passed)
        if isinstance(layer, Linear) and recipe.head_scale != 1.0:
            layer.weight.data = layer.weight.data * np.float32(np.sqrt(recipe.head_scale))
    if recipe.identity:
        _begin_without_blocks(network)
    if pairs is not None:
        pairs.begin()
    return pairs


def whitening_filters(
    images: np.ndarray, kernel: int, count: int, mirrored: bool = False
) -> np.ndarray:
    """Filters (count, C, kernel, kernel) whose responses to patches of `images` (N, C, H, W) are
    uncorrelated and of variance 1, and the same negated; those of the largest variance first.
    With `mirrored`, of images and mirror images: then a filter's mirror image is one of them."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (kernel, kernel), axis=(2, 3))
    size = images.shape[1] * kernel * kernel
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, size).astype(np.float64)
    patches = patches - patches.mean(axis=0)
    covariance = patches.T @ patches / len(patches)
    if mirrored:
        grid = np.arange(size).reshape(-1, kernel)[:, ::-1].ravel()
        mirror = np.eye(size)[grid]
        covariance = (covariance + mirror @ covariance @ mirror) / 2
        # Of filters with one variance, those that are even or odd.
        covariance += _APART * (np.trace(covariance) + _EPS) * mirror
    values, vectors = np.linalg.eigh(covariance)
    filters = (vectors / np.sqrt(values + _EPS)).T[::-1]
    half = min(size, count // 2)
    both = np.concatenate([filters[:half], -filters[:half]])
    return both.reshape(2 * half, images.shape[1], kernel, kernel).astype(np.float32)


def optimizer(network: ConvNet, recipe: ImageRecipe, pairs: MirrorPairs | None = None) -> Optimizer:
    """`pairs` are the network's, if gradients will be tied by them."""
    weights: list[Tensor] = []
    ties: list[tuple[np.ndarray, np.ndarray] | None] = []
    scales: list[Tensor] = []
    shifts: list[Tensor] = []
    head: list[Tensor] = []
    for name, layer in network.named_layers():
        if isinstance(layer, BatchNorm2d):
            scales.append(layer.gamma)
            shifts.append(layer.beta)
            continue
        if layer.weight.requires_grad:
            (head if isinstance(layer, Linear) else weights).append(layer.weight)
            if not isinstance(layer, Linear):
                ties.append(None if pairs is None else pairs.matrix(name))
        if layer.bias is not None:
            shifts.append(layer.bias)
    if recipe.muon and not scales:
        raise ValueError(
            "a recipe with muon keeps filters at one norm, which a network without batch norms "
            f"notices; set muon=0 for {recipe.model}"
        )
    base, decay, faster = recipe.lr, recipe.weight_decay, recipe.bias_scale
    groups = [
        ([] if recipe.muon else weights, base, decay),
        (scales, base, 0.0),
        # Fast biases decay as fast as weights, usual ones not at all.
        (shifts, base * faster, decay / faster if faster > 1 else 0.0),
        (head, base * recipe.head_scale, decay / recipe.head_scale),
    ]
    plain: list[Optimizer] = [
        SGD(params, rate, recipe.momentum, share, nesterov=True)
        for params, rate, share in groups
        if params
    ]
    return Groups([_muon(weights, ties, recipe), *plain] if recipe.muon else plain)


def _muon(
    filters: list[Tensor],
    ties: list[tuple[np.ndarray, np.ndarray] | None],
    recipe: ImageRecipe,
) -> Muon:
    return Muon(
        filters, recipe.muon, weight_decay=0.0, momentum=recipe.muon_momentum, ns_steps=3,
        filters=True, unit_norm=True, tied=ties,
    )  # fmt: skip


def _begin_without_blocks(network: ConvNet) -> None:
    """Residual blocks begin by adding nothing (Goyal et al. 2017, section 5.1)."""
    for node, following in itertools.pairwise(network.nodes):
        if node[0] == "bn" and following[0] == "add":
            norm = getattr(network, node[1])
            norm.gamma.data = np.zeros_like(norm.gamma.data)


def _begin_as_identity(layer: Conv2d, passed: np.ndarray) -> None:
    """The first outputs pass these inputs on; the others are drawn uniformly, of variance
    1 / (3 fan in)."""
    _, inputs, height, width = layer.weight.shape
    bound = 1.0 / np.sqrt(inputs * height * width)
    weight = np.random.uniform(-bound, bound, layer.weight.shape).astype(np.float32)
    weight[: len(passed)] = 0.0
    weight[range(len(passed)), passed, height // 2, width // 2] = 1.0
    layer.weight.data = weight
