"""Model files: weights as safetensors, and what network they belong to as JSON beside them.

    digits_mlp.safetensors    the arrays; the config is in its metadata too, so it is whole alone
    digits_mlp.json           the config, to read and to edit by people

The config names the architecture and its sizes, never code:

    {"format": "tinytorch-model", "version": 1, "model": "digits_mlp", "sizes": {...},
     "layers": {"fc1": "LinearInt8", ...}, "techniques": [...], ...}
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.autograd import no_grad
from ..core.tensor import Tensor
from ..datasets import CIFAR10, MNIST, ImageSet, TinyDigits
from ..io import TensorDict, load_safetensors
from .networks import Network
from .registry import create, spec
from .stored_config import ConfigFormat

FORMAT = ConfigFormat("tinytorch-model", 1, "tinytorch.model")

PathLike = str | os.PathLike[str]


@dataclass
class SavedModel:
    """A network read from a file, and its config."""

    network: Network
    name: str  # in the registry
    config: dict[str, Any]
    path: Path  # of the weights

    @property
    def techniques(self) -> list[str]:
        return list(self.config["techniques"])

    @property
    def data(self) -> str:
        return str(self.config.get("data") or spec(self.name).data)


@dataclass(frozen=True)
class Origin:
    """What a config tells besides the form of the network."""

    techniques: list[str] = field(default_factory=list)
    data: str | None = None
    training: dict[str, Any] | None = None
    class_names: list[str] | None = None  # those of the data set if left out


def save_model(path: PathLike, network: Network, name: str, origin: Origin | None = None) -> Path:
    """Write both files; the path of the weights. `name` is that of the registry."""
    weights = weights_path(path)
    origin = origin or Origin()
    config = {
        "model": name,
        "sizes": network.sizes(),
        "layers": {n: type(layer).__name__ for n, layer in network.named_layers()},
        "techniques": origin.techniques,
        "data": origin.data or spec(name).data,
        "training": origin.training,
        "class_names": origin.class_names or class_names(origin.data or spec(name).data),
    }
    FORMAT.save(weights, network.state_dict(), config)
    return weights


def class_names(data: str) -> list[str] | None:
    """The names of a data set's classes; None for an unknown set."""
    sets: dict[str, type[ImageSet]] = {"cifar10": CIFAR10, "mnist": MNIST, "digits": TinyDigits}
    return list(sets[data].classes) if data in sets else None


def load_model(path: PathLike) -> SavedModel:
    """Read a model by the path of either file, or without suffix.

    Raises FileNotFoundError, or ValueError that says which file is wrong and how. Draws nothing
    from NumPy's global generator.
    """
    weights = weights_path(path)
    tensors = load_safetensors(weights, copy=True)
    config = _config(weights, tensors)
    try:
        network = _build(config, tensors)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ValueError(f"{weights}: the weights do not fit the config: {said}") from None
    network.eval()
    return SavedModel(network, config["model"], config, weights)


def weights_path(path: PathLike) -> Path:
    """NAME.safetensors for NAME, NAME.json or NAME.safetensors."""
    found = Path(path)
    if found.suffix == ".safetensors":
        return found
    if found.suffix == ".json":
        return found.with_suffix(".safetensors")
    return found.with_name(found.name + ".safetensors")


def _config(weights: Path, tensors: TensorDict) -> dict[str, Any]:
    config = FORMAT.read(weights, tensors)
    for key, kind in (("model", str), ("sizes", dict), ("techniques", list)):
        if not isinstance(config.get(key), kind):
            raise ValueError(f"{weights}: the config's {key!r} must be a {kind.__name__}")
    return config


def _build(config: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    from ..nn.quantized import load_stored

    drawn = np.random.get_state()
    try:
        blank = create(config["model"], **config["sizes"])
    finally:
        np.random.set_state(drawn)
    network: Network = load_stored(blank, tensors)
    network.eval()
    with no_grad():
        scores = network.forward(Tensor(np.zeros((1, *network.input_shape), np.float32)))
    if tuple(scores.shape) != (1, network.classes):
        raise ValueError(f"a row gives scores of shape {tuple(scores.shape)}")
    return network
