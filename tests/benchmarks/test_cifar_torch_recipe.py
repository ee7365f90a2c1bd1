"""What our training of images is compared with takes the same steps."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch.models.cifar import speednet
from tinytorch.recipes import RECIPES
from tinytorch.recipes import _start as start

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

RNG = np.random.default_rng(0)


def small_network() -> Any:
    from tinytorch import models

    return models.create("speednet", nodes=speednet((4, 8, 8)))


def test_mirror_pairs_are_tied_alike() -> None:
    from cifar.torch_recipe import TorchNet, TorchPairs

    network = small_network()
    pixels = RNG.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    pairs = start.start(network, dataclasses.replace(RECIPES["quick"], mirror_pairs=True), pixels)
    assert pairs is not None
    for p in network.parameters():
        p.data = RNG.standard_normal(p.shape).astype(np.float32)
    theirs = TorchNet(network)
    for (name, one), (_, two) in zip(
        theirs.named_parameters(), TorchNet(network).named_parameters(), strict=True
    ):
        assert torch.equal(one, two), name
        one.grad = two.detach().clone() if one.requires_grad else None
    other = TorchPairs(theirs, pairs.places)
    other.tie_values()
    other.tie_gradients()
    pairs.tie_values()
    for (name, one), (_, two) in zip(
        theirs.named_parameters(), TorchNet(network).named_parameters(), strict=True
    ):
        assert torch.equal(one, two), name
        assert one.grad is None or torch.equal(one.grad, two), name


@pytest.mark.parametrize("muon", [0.0, 0.08])
def test_the_same_gradients_move_weights_alike(muon: float) -> None:
    from cifar.torch_recipe import Optimizers, TorchNet

    recipe = dataclasses.replace(RECIPES["quick"], muon=muon, bias_scale=4.0)
    network = small_network()
    theirs = TorchNet(network)
    optimizer, other = start.optimizer(network, recipe), Optimizers(theirs, recipe)
    names = {"weight": "gamma", "bias": "beta"}
    for _ in range(3):
        for name, part in theirs.parts.items():
            ours = getattr(network, name)
            for key, value in part.named_parameters():
                if not value.requires_grad:
                    continue
                gradient = RNG.standard_normal(tuple(value.shape)).astype(np.float32)
                is_norm = isinstance(part, torch.nn.BatchNorm2d)
                turned = isinstance(part, torch.nn.Linear) and key == "weight"
                mine = getattr(ours, names[key] if is_norm else key)
                mine.grad = gradient.T.copy() if turned else gradient
                value.grad = torch.tensor(gradient).contiguous(
                    memory_format=torch.channels_last
                    if gradient.ndim == 4
                    else torch.preserve_format
                )
        optimizer.step()
        other.step(1.0)
    now = {k: np.asarray(v) for k, v in network.state_dict().items()}
    expected = TorchNet(network)  # our weights, in their order
    for (name, one), (_, two) in zip(
        expected.named_parameters(), theirs.named_parameters(), strict=True
    ):
        a, b = one.detach().numpy(), two.detach().numpy()
        # Theirs iterates in bfloat16, ours may.
        assert np.linalg.norm(a - b) <= (0.05 if muon else 1e-5) * np.linalg.norm(b), name
    assert all(np.all(np.isfinite(value)) for value in now.values())
