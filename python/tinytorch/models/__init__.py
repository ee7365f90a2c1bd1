"""Models by name, and their files.

    network = create("digits_mlp")
    save_model("out/digits_mlp", network, "digits_mlp")
    network = load_model("out/digits_mlp").network

(`models.transformer` is an older path of `tinytorch.core.transformer`.)
"""

from .files import Origin, SavedModel, load_model, save_model
from .networks import CNN, MLP, Network
from .registry import MODELS, ModelSpec, Recipe, create, spec

__all__ = [
    "CNN",
    "MLP",
    "MODELS",
    "ModelSpec",
    "Network",
    "Origin",
    "Recipe",
    "SavedModel",
    "create",
    "load_model",
    "save_model",
    "spec",
]
