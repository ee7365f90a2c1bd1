"""Making a trained network smaller: int8, fewer units, fewer weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..models.convnet import ConvNet
from ..models.int8_convnet import Int8ConvNet
from ..models.networks import Network
from ..models.registry import Recipe
from ..nn import prune
from ..nn.quantized import convert
from .data import Data
from .fit import Fit, fit

CALIBRATION_IMAGES = 256


def quantized(network: Network, data: Data | None = None) -> Network:
    """A copy that computes in int8; with `data`, activation scales are calibrated on its first
    training images, otherwise measured for each row. Networks of nodes need `data`."""
    if isinstance(network, ConvNet):
        if data is None:
            raise ValueError("this network's activation ranges are measured: calibration is needed")
        return Int8ConvNet.of(network, data.train_set.raw("train")[0][:CALIBRATION_IMAGES])
    batches = None if data is None else [data.train_images(CALIBRATION_IMAGES)]
    return _evaluating(convert(network, batches))


def shrunk(network: Network, share: float) -> Network:
    """A copy without the weakest `share` of hidden units and channels. Not fine-tuned yet."""
    small: Network = prune.shrink(network, share, example=_zeros(network))
    return small


def sparse(network: Network, int8: bool = False) -> Network:
    """A copy whose layers store only their non-zero weights, where that takes fewer bytes."""
    return _evaluating(prune.to_sparse(network, format="auto", int8=int8))


def fine_tune(
    network: Network,
    data: Data,
    recipe: Recipe,
    epochs: int,
    seed: int,
    *,
    lr_share: float = 0.5,
    masks: prune.Masks | None = None,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
) -> Fit:
    """Train on for some epochs at a lower rate; `masks` keep pruned weights at zero."""
    shorter = dataclasses.replace(recipe, epochs=epochs, lr=recipe.lr * lr_share)
    after_step = None
    if masks is not None:
        masks.apply()
        after_step = masks.apply
    return fit(network, data, shorter, seed, on_epoch=on_epoch, after_step=after_step)


def _evaluating(network: Network) -> Network:
    network.eval()
    return network


def _zeros(network: Network) -> np.ndarray:
    return np.zeros((1, *network.input_shape), np.float32)
