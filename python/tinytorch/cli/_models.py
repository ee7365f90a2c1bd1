"""Opening the models and data that a command line names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..models import MODELS, SavedModel, create, load_model
from ..models.files import weights_path
from ..models.shipped import shipped, shipped_names
from ..workflow.data import SETS, Data, load, load_npz
from ._run import Failure


def open_model(path: Path) -> SavedModel:
    """Read a model file, that of a training's folder, or one that is shipped, by its name; a
    Failure says what is missing."""
    found = _locate(path)
    if found is None:
        names = shipped_names()
        also = f"; shipped are: {', '.join(names)}" if names else ""
        raise Failure(f"{weights_path(path)}: no such model file (tinytorch train makes one){also}")
    return load_model(found)


def _locate(path: Path) -> Path | None:
    if weights_path(path).is_file():
        return path
    if path.parent == Path() and path.name in shipped_names():
        return shipped(path.name)
    if not path.is_dir():
        return None
    trained = [p for name in MODELS if (p := path / f"{name}.safetensors").is_file()]
    files = trained or sorted(path.glob("*.safetensors"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise Failure(f"{path}: there are {names}; name one of them")
    if not files:
        raise Failure(
            f"{path}: there is no model in this folder (its training may not be finished)"
        )
    return files[0]


def open_or_create(name: str) -> SavedModel:
    """A saved model, or an untrained model of a name in the registry."""
    path = Path(name)
    found = _locate(path)
    if found is not None:
        return load_model(found)
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
