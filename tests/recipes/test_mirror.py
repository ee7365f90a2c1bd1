"""Networks whose filters come in mirror pairs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tinytorch import CrossEntropyLoss, Tensor
from tinytorch.datasets import TinyShapes
from tinytorch.models import create
from tinytorch.models.cifar import speednet, speednet_residual, swiftcnn
from tinytorch.models.convnet import ConvNet, normalized_bytes
from tinytorch.recipes import RECIPES, RecipeRun
from tinytorch.recipes import _start as start
from tinytorch.recipes._mirror import MirrorPairs
from tinytorch.recipes._start import whitening_filters

NETWORKS = {
    "speednet": speednet((4, 8, 6)),
    "speednet-residual": speednet_residual((4, 8, 6)),
    "swiftcnn": swiftcnn((4, 6)),
}
RECIPE = dataclasses.replace(
    RECIPES["standard"], mirror_pairs=True, epochs=2, batch_size=32, muon=0.05
)


def images(count: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def started(name: str) -> tuple[ConvNet, MirrorPairs]:
    network = create("speednet", nodes=NETWORKS[name])
    pairs = start.start(network, RECIPE, images())
    assert pairs is not None
    for _, layer in network.named_layers():  # every path from the image to the scores is open
        if hasattr(layer, "gamma"):
            layer.gamma.data = np.ones_like(layer.gamma.data)
    return network, pairs


def differences(network: ConvNet, pixels: np.ndarray | None = None) -> tuple[float, float]:
    """The largest, between the scores of images and mirror images, and between images."""
    x = normalized_bytes(network, images(8, seed=1) if pixels is None else pixels)
    session = network.session(batch=8)
    scores, mirrored = session(x), session(np.ascontiguousarray(x[..., ::-1]))
    return float(np.abs(scores - mirrored).max()), float(np.abs(scores - scores[0]).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_and_its_mirror_image_have_the_same_scores(name: str) -> None:
    network, _ = started(name)
    between_mirrors, between_images = differences(network)
    assert between_mirrors < 1e-4 * between_images


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_keep_the_pairs(name: str) -> None:
    network, pairs = started(name)
    optimizer = start.optimizer(network, RECIPE, pairs)
    x = Tensor(images(16, seed=2).astype(np.float32) / 255)
    for step in range(3):
        loss = CrossEntropyLoss().forward(network.scores(x), np.arange(16) % 10)
        loss.backward()
        pairs.tie_gradients()
        optimizer.step()
        optimizer.zero_grad()
        pairs.tie_values()
        between_mirrors, between_images = differences(network)
        assert between_mirrors < 1e-4 * between_images, step


def test_tied_gradients_are_those_of_images_and_mirror_images() -> None:
    network, pairs = started("speednet-residual")
    network.eval()  # statistics of their own: batches are not mirrored
    x = images(4, seed=3).astype(np.float32) / 255
    labels = np.arange(4)

    def gradients(pixels: np.ndarray, tied: bool) -> list[np.ndarray]:
        CrossEntropyLoss().forward(network.scores(Tensor(pixels)), labels).backward()
        if tied:
            pairs.tie_gradients()
        made = [np.array(p.grad) for p in network.parameters()]
        for p in network.parameters():
            p.zero_grad()
        return made

    tied = gradients(x, True)
    one, other = gradients(x, False), gradients(np.ascontiguousarray(x[..., ::-1]), False)
    for mean, a, b in zip(tied, one, other, strict=True):
        np.testing.assert_allclose(mean, (a + b) / 2, rtol=1e-3, atol=1e-5 * np.abs(mean).max())


def test_whitening_filters_are_mirrored_by_one_another() -> None:
    for seen in (images(50), np.full((4, 3, 8, 8), 0.5)):
        filters = whitening_filters(seen.astype(np.float32), 3, 32, mirrored=True)
        flat = filters[..., ::-1].reshape(32, -1)
        distances = np.abs(flat[:, None] - filters.reshape(32, -1)[None]).max(axis=2)
        assert distances.min(axis=1).max() < 1e-5 * np.abs(filters).max()


def test_networks_that_see_left_and_right_differently_are_refused() -> None:
    def pairs_of(nodes: list) -> None:
        MirrorPairs(create("speednet", nodes=nodes))

    norm = [("bn", "n", 4), ("relu",)]
    end = [("gap",), ("linear", "fc", 4, 10)]
    with pytest.raises(ValueError, match="cuts columns off"):
        pairs_of([("conv", "c", 3, 4, 2, 1, 0), *norm, ("maxpool", 2), *end])
    with pytest.raises(ValueError, match="strides"):
        pairs_of([("conv", "c", 3, 4, 3, 2, 1), *norm, *end])
    with pytest.raises(ValueError, match="odd number"):
        pairs_of([("conv", "c", 3, 5, 3, 1, 1), ("bn", "n", 5), ("gap",), ("linear", "f", 5, 10)])
    flat = [("flatten",), ("linear", "f", 4096, 10)]
    with pytest.raises(ValueError, match="positions"):
        pairs_of([("conv", "c", 3, 4, 3, 1, 1), *norm, *flat])
    with pytest.raises(ValueError, match="not mirrored"):
        pairs_of([("whiten", "w", 3, 4, 3), ("relu",), *end])


def test_a_trained_network_does_not_mind_mirrors() -> None:
    class Figures(TinyShapes):
        def _load(self, split: str) -> tuple[np.ndarray, np.ndarray]:
            pixels, labels = super()._load(split)
            return pixels[:192], labels[:192]

    recipe = dataclasses.replace(RECIPE, nodes=tuple(NETWORKS["speednet-residual"]))
    run = RecipeRun(recipe, data=Figures(), progress=False, precision="auto")  # type: ignore[arg-type]
    run.train()
    between_mirrors, between_images = differences(run.network, Figures().raw("test")[0][::24])
    assert between_mirrors < 1e-4 * between_images
    assert run.accuracy == run.mirrored_accuracy
