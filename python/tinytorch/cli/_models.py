"""Opening the models and data that a command line names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..models import MODELS, SavedModel, create, load_model
from ..models.files import weights_path
from ..workflow.data import SETS, Data, load, load_npz
from ._run import Failure


def open_model(path: Path) -> SavedModel:
    """Read a model file; a Failure that says what there is where it is missing."""
    weights = weights_path(path)
    if not weights.is_file():
        raise Failure(f"{weights}: no such model file (tinytorch train makes one)")
    return load_model(path)


def open_or_create(name: str) -> SavedModel:
    """A model file, or an untrained model of a name in the registry."""
    path = Path(name)
    if weights_path(path).is_file():
        return load_model(path)
    if name not in MODELS:
        raise Failure(f"{name}: no such model file, nor one of {', '.join(MODELS)}")
    np.random.seed(0)
    network = create(name)
    network.eval()
    return SavedModel(network, name, {"techniques": []}, path)


def test_data(model: SavedModel, name: str | None) -> Data:
    """The data set or file that was named, else the model's own."""
    chosen = name or model.data
    if chosen in SETS:
        return load(chosen)
    if not chosen.endswith(".npz"):
        raise Failure(
            f"no data set {chosen!r}; there are {', '.join(SETS)}, or a file ending in .npz", 2
        )
    return load_npz(chosen)
