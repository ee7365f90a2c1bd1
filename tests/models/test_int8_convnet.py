"""int8 networks: close to the network they were made of, and the same again from their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.models import create, load_model, save_model
from tinytorch.models.cifar import swiftcnn
from tinytorch.models.convnet import ConvNet
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.recipes._mirror import MirrorPairs

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)


def trained(name: str = "swiftcnn-tiny", **sizes: Any) -> ConvNet:
    """With norms that fit their inputs, as after a training."""
    np.random.seed(0)
    network = create(name, mean=[0.5, 0.5, 0.5], std=[0.3, 0.3, 0.3], **sizes)
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
    network = trained("swiftcnn-base")
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


def in_pairs() -> ConvNet:
    network = trained("swiftcnn", nodes=swiftcnn((8, 12, 16)))
    MirrorPairs(network).begin()
    return network


def test_of_mirror_pairs_a_file_has_one_of_each(tmp_path: Path) -> None:
    small = Int8ConvNet.of(in_pairs(), IMAGES)
    assert small.mirror_pairs
    whole = sum(layer.q_weight.size for layer in small.layers)
    stored = sum(a.size for key, a in small.state_dict().items() if key.endswith("q_weight"))
    assert stored == (whole + small.fc.q_weight.size) / 2
    weights = save_model(tmp_path / "small", small, "swiftcnn")
    again = load_model(weights).network
    assert isinstance(again, Int8ConvNet)
    assert again.mirror_pairs
    for name, layer in small.named_layers():
        for part in layer._buffer_names:
            assert np.array_equal(getattr(getattr(again, name), part), getattr(layer, part)), name
    x = Tensor(IMAGES / np.float32(255))
    assert np.array_equal(again.forward(x).data, small.forward(x).data)
    again.load_state_dict(small.state_dict())


def test_what_is_not_in_pairs_is_stored_whole_and_pairs_that_part_are_told() -> None:
    assert not Int8ConvNet.of(trained(), IMAGES).mirror_pairs
    linear = create("swiftcnn", nodes=[("gap",), ("linear", "fc", 3, 10)])
    assert not Int8ConvNet.of(linear, IMAGES).mirror_pairs
    small = Int8ConvNet.of(in_pairs(), IMAGES)
    small.s1b.q_weight[0, 0, 0, 0] ^= 1
    with pytest.raises(ValueError, match="mirror_pairs to False"):
        small.state_dict()
    small.mirror_pairs = False
    assert small.state_dict()["s1b.q_weight"].shape == (12, 12, 3, 3)


def test_a_file_of_pairs_must_fit_its_network(tmp_path: Path) -> None:
    small = Int8ConvNet.of(in_pairs(), IMAGES)
    weights = save_model(tmp_path / "small", small, "swiftcnn")
    stored = load_safetensors(weights, copy=True)
    filters = [("s1a.q_weight", shape) for shape in ((6, 7, 3, 3), (5, 8, 3, 3), (6, 72))]
    for key, shape in [*filters, ("s1a.scales", (12,)), ("s1a.bias", (2, 3))]:
        wrong = {**stored, key: np.ones(shape, stored[key].dtype)}
        save_safetensors(weights, wrong, metadata=stored.metadata)
        with pytest.raises(ValueError, match="do not fit the config"):
            load_model(weights)
    sizes = {**small.sizes(), "mirror_pairs": 1}
    with pytest.raises(ValueError, match="True or False"):
        Int8ConvNet(**sizes)
    strided = [("conv", "a", 3, 4, 3, 2, 1), ("gap",), ("linear", "fc", 4, 10)]
    with pytest.raises(ValueError, match="strides"):
        Int8ConvNet(nodes=strided, mirror_pairs=True)
