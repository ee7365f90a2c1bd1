"""int8 networks: close to the network they were made of, and the same again from their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.models import create, load_model, save_model
from tinytorch.models.convnet import ConvNet
from tinytorch.models.int8_convnet import Int8ConvNet

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)


def trained(name: str = "swiftcnn-tiny") -> ConvNet:
    """With norms that fit their inputs, as after a training."""
    np.random.seed(0)
    network = create(name, mean=[0.5, 0.5, 0.5], std=[0.3, 0.3, 0.3])
    network.train()
    for _ in range(40):
        network.forward(Tensor(IMAGES[:32] / np.float32(255)))
    network.eval()
    return network


@pytest.mark.parametrize("name", ["swiftcnn-tiny", "speednet-small", "resnet20"])
def test_folding_changes_nothing_but_rounding(name: str) -> None:
    network = trained(name)
    folded = network.folded()
    assert not any(node[0] == "bn" for node in folded.nodes)
    x = Tensor(IMAGES[:8] / np.float32(255))
    a, b = network.forward(x).data, folded.forward(x).data
    assert np.abs(a - b).max() < 1e-4 * np.abs(a).max()


def test_a_norm_that_turns_channels_around_cannot_go_through_a_pool() -> None:
    network = trained("speednet-small")
    network.s0a_bn.gamma.data[3] = -1.0
    with pytest.raises(ValueError, match="s0a_bn"):
        network.folded()


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_int8_scores_are_close(method: str) -> None:
    network = trained()
    small = Int8ConvNet.of(network, IMAGES, method=method)
    x = Tensor(IMAGES / np.float32(255))
    want, got = network.forward(x).data, small.forward(x).data
    spread = np.abs(want - want.mean(axis=0)).mean()
    assert np.abs(got - want).mean() < 0.15 * spread
    assert small.count_parameters() == sum(n.q_weight.size + n.bias.size for n in small.layers)
    assert small.stored_bytes() < 0.3 * 4 * network.count_parameters()


@pytest.mark.parametrize("name", ["swiftcnn-tiny", "resnet20"])
def test_a_file_gives_the_same_scores_to_the_bit(name: str, tmp_path: Path) -> None:
    small = Int8ConvNet.of(trained(name), IMAGES)
    saved = load_model(save_model(tmp_path / "small", small, name))
    assert isinstance(saved.network, Int8ConvNet)
    x = Tensor(IMAGES / np.float32(255))
    assert np.array_equal(saved.network.forward(x).data, small.forward(x).data)
    assert saved.network.sizes() == small.sizes()


def test_ranges_must_fit_the_nodes() -> None:
    small = Int8ConvNet.of(trained(), IMAGES)
    for ranges in ([[0, 1]], [[1, 0]] * len(small.ranges), [[0, np.nan]] * len(small.ranges)):
        wrong = Int8ConvNet(**{**small.sizes(), "ranges": ranges})
        with pytest.raises(ValueError, match=r"range|finite"):
            wrong.forward(Tensor(IMAGES[:1] / np.float32(255)))
    with pytest.raises(ValueError, match="'bn'"):
        Int8ConvNet(nodes=create("swiftcnn-tiny").nodes)
