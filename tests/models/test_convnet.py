"""Networks of nodes: their scores, their sessions, and the nodes they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.models import create, load_model, save_model
from tinytorch.models.cifar import NETWORKS, resnet20
from tinytorch.models.convnet import ConvNet
from tinytorch.models.nodes import for_half_images
from tinytorch.nn import prune
from tinytorch.runtime import CnnSession

torch = pytest.importorskip("torch")
F = torch.nn.functional

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def lively(network: ConvNet, seed: int = 0) -> ConvNet:
    """With norms that are no identities."""
    r = np.random.default_rng(seed)
    for name, array in network.state_dict().items():
        if name.endswith(("gamma", "running_var")):
            network.load_state_dict({name: r.uniform(0.5, 1.5, array.shape)}, strict=False)
        if name.endswith(("beta", "running_mean", "bias")):
            network.load_state_dict({name: r.uniform(-0.3, 0.3, array.shape)}, strict=False)
    network.eval()
    return network


def images(count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((count, 3, 32, 32), np.float32)


def by_torch(network: ConvNet, x: Any) -> Any:
    """The scores, by PyTorch in float64, from the network's own state."""
    state = {k: torch.tensor(v).double() for k, v in network.state_dict().items()}

    def run(nodes: Any, x: Any) -> Any:
        kept = []
        for kind, *rest in nodes:
            if kind in ("conv", "whiten"):
                stride, padding, groups = (*rest[4:], *(1, 0, 1)[len(rest[4:]) :])
                weight, bias = state[f"{rest[0]}.weight"], state.get(f"{rest[0]}.bias")
                x = F.conv2d(x, weight, bias, stride, padding, 1, groups)
            elif kind == "bn":
                names = ("running_mean", "running_var", "gamma", "beta")
                x = F.batch_norm(x, *(state[f"{rest[0]}.{part}"] for part in names))
            elif kind == "linear":
                x = F.linear(x.flatten(1), state[f"{rest[0]}.weight"].T, state[f"{rest[0]}.bias"])
            elif kind == "maxpool":
                x = F.max_pool2d(x, rest[0])
            elif kind == "gap":
                x = x.mean((2, 3))
            elif kind == "push":
                kept.append(x)
            elif kind == "proj":
                kept[-1] = run(rest[0], kept[-1])
            elif kind == "add":
                x = x + kept.pop()
            elif kind == "relu":
                x = F.relu(x)
        return x

    mean, std = (torch.tensor(v).double()[:, None, None] for v in (network.mean, network.std))
    return run(network.nodes, (torch.tensor(x).double() - mean) / std).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_compute_what_pytorch_does_and_so_do_their_sessions(name: str) -> None:
    np.random.seed(0)
    network = lively(create(name, mean=MEAN, std=STD))
    x = images()
    want = by_torch(network, x)
    bound = 2e-5 * np.abs(want).max()
    assert np.abs(network.forward(Tensor(x)).data - want).max() < bound
    session = CnnSession(*network.session_parts(), input_shape=network.input_shape)
    shift, spread = (np.float32(v)[:, None, None] for v in (MEAN, STD))
    assert np.abs(session((x - shift) / spread) - want).max() < bound


@pytest.mark.parametrize("name", ["swiftcnn-tiny", "speednet-small", "resnet20"])
def test_networks_come_back_from_files(name: str, tmp_path: Any) -> None:
    np.random.seed(0)
    network = lively(create(name, mean=MEAN, std=STD))
    saved = load_model(save_model(tmp_path / "m", network, name)).network
    assert saved.sizes() == network.sizes()
    assert np.array_equal(
        saved.forward(Tensor(images())).data, network.forward(Tensor(images())).data
    )


def test_a_residual_block_may_halve_the_image_without_widening() -> None:
    network = lively(ConvNet(nodes=resnet20((8, 8, 16), 1)))
    x = images()
    assert np.abs(network.forward(Tensor(x)).data - by_torch(network, x)).max() < 1e-4


def test_grouped_convolutions() -> None:
    nodes = [
        ("conv", "a", 3, 12, 3, 1, 1, 3), ("bn", "a_bn", 12), ("relu",),
        ("conv", "b", 12, 12, 3, 2, 1, 12), ("bn", "b_bn", 12), ("relu",),
        ("gap",), ("linear", "fc", 12, 10),
    ]  # fmt: skip
    network = lively(ConvNet(nodes=nodes))
    x = images()
    assert np.abs(network.forward(Tensor(x)).data - by_torch(network, x)).max() < 1e-4
    assert network.nodes == nodes


def test_whitening_weights_are_kept_but_not_trained() -> None:
    network = create("speednet-small")
    assert "whiten.weight" in network.state_dict()
    assert "whiten.weight" not in dict(network.named_parameters())
    assert "whiten.bias" in dict(network.named_parameters())


def test_nodes_follow_the_layers() -> None:
    network = create("swiftcnn-tiny")
    network.eval()
    small = prune.shrink(network, 0.5, example=images(1))
    assert ("conv", "s0b", 8, 8, 3, 1, 1) in small.nodes
    assert small.forward(Tensor(images())).shape == (3, 10)
    assert ConvNet(**small.sizes()).count_parameters() == small.count_parameters()


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([], "1 to 512 nodes"),
        ("relu", "must be a list"),
        ([("swish",)], "unknown node"),
        ([("conv", "a", 3, 8, 3, 1)], "parts"),
        ([("conv", "a b", 3, 8, 3, 1, 1)], "identifier"),
        ([("conv", "forward", 3, 8, 3, 1, 1)], "taken"),
        ([("conv", "a", 3, 8, 3, 0, 1)], "whole number"),
        ([("conv", "a", 3, 8.0, 3, 1, 1)], "whole number"),
        ([("conv", "a", 3, 8, 3, 1, 1, 2)], "groups"),
        ([("conv", "a", 3, 1 << 14, 3, 1, 1), ("conv", "b", 1 << 14, 1 << 14, 3, 1, 1)], "weights"),
        ([("bn", "a", 3), ("bn", "a", 3)], "one name"),
        ([("push",)], "without 'add'"),
        ([("add",)], "without 'push'"),
        ([("proj", [])], "without 'push'"),
    ],
)
def test_other_nodes_are_refused(nodes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ConvNet(nodes=nodes)


@pytest.mark.parametrize("statistics", [{"mean": (0.5,)}, {"std": (1, 0, 1)}])
def test_statistics_must_fit(statistics: Any) -> None:
    with pytest.raises(ValueError, match="mean and std"):
        create("swiftcnn", **statistics)


@pytest.mark.parametrize("name", ["speednet-residual", "speednet", "swiftcnn", "resnet20"])
def test_images_of_half_the_sides_are_seen_by_the_same_weights(name: str) -> None:
    network = lively(create(name))
    x = images()[:, :, ::2, ::2]
    nodes = for_half_images(network.nodes, (3, 32, 32))
    small = ConvNet((3, 16, 16), nodes)
    small.load_state_dict(network.state_dict())
    small.eval()
    found = network.scores(Tensor(np.ascontiguousarray(x))).data
    np.testing.assert_array_equal(found, small.scores(Tensor(np.ascontiguousarray(x))).data)
    assert found.shape == (3, 10)
    assert small.macs() < 0.3 * network.macs()


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("flatten",), ("linear", "fc", 3072, 10)], "3072 inputs, and 768"),
        ([("maxpool", 16), ("maxpool", 2), ("gap",), ("linear", "fc", 3, 10)], None),
        ([("maxpool", 16), ("conv", "a", 3, 8, 2, 1, 0), ("gap",)], "nothing left"),
    ],
)
def test_what_has_no_form_for_half_images_says_why(nodes: list[Any], said: str | None) -> None:
    if said is None:
        assert for_half_images(nodes, (3, 32, 32))[1] == ("maxpool", 1)
        return
    with pytest.raises(ValueError, match=said):
        for_half_images(nodes, (3, 32, 32))
