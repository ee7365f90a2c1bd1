"""The models known by name, with the sizes and the training that suit their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import cifar
from .int8_convnet import network_of
from .networks import CNN, MLP, Network


@dataclass(frozen=True)
class Recipe:
    """AdamW with a cosine schedule from `lr` down to a hundredth of it.

    shift: pixels by which a training image may move in each direction; shift_share: of the images.
    """

    epochs: int
    lr: float = 2e-3
    batch_size: int = 32
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    shift: int = 1
    shift_share: float = 0.5


@dataclass(frozen=True)
class ModelSpec:
    build: Callable[..., Network]
    data: str  # name of the data set
    recipe: Recipe
    title: str
    sizes: dict[str, Any] = field(default_factory=dict)


_MNIST = Recipe(epochs=5, batch_size=64, shift=2)
_CIFAR = Recipe(epochs=10, batch_size=64, shift=4)

MODELS: dict[str, ModelSpec] = {
    "digits_mlp": ModelSpec(MLP, "digits", Recipe(epochs=40, shift_share=0.3), "MLP"),
    "digits_cnn": ModelSpec(CNN, "digits", Recipe(epochs=20), "CNN"),
    "mnist_mlp": ModelSpec(MLP, "mnist", _MNIST, "MLP", {"input_shape": (1, 28, 28)}),
    "mnist_cnn": ModelSpec(
        CNN, "mnist", _MNIST, "CNN", {"input_shape": (1, 28, 28), "pools": (2, 2)}
    ),
    "cifar10_mlp": ModelSpec(
        MLP, "cifar10", _CIFAR, "MLP", {"input_shape": (3, 32, 32), "hidden": (512, 256)}
    ),
    "cifar10_cnn": ModelSpec(
        CNN,
        "cifar10",
        _CIFAR,
        "CNN",
        {
            "input_shape": (3, 32, 32),
            "channels": (32, 64, 64),
            "pools": (2, 2, 2),
            "hidden": 128,
        },
    ),
    **{
        name: ModelSpec(network_of, "cifar10", _CIFAR, title, {"nodes": nodes})
        for name, (title, nodes) in cifar.NETWORKS.items()
    },
}


def spec(name: str) -> ModelSpec:
    """The entry of this name; ValueError lists the names there are."""
    if name not in MODELS:
        raise ValueError(f"no model {name!r}; there are {', '.join(MODELS)}")
    return MODELS[name]


def create(name: str, **sizes: Any) -> Network:
    """A new model, weights drawn from NumPy's global generator; `sizes` replace the usual ones."""
    entry = spec(name)
    return entry.build(**{**entry.sizes, **sizes})
