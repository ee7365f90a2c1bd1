"""Writing models: in Hugging Face's layout, and in our own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...io import save_json, save_safetensors
from ..files import weights_path
from ..gpt import GptConfig
from ..stored_config import ConfigFormat
from .hugging_face import hf_model
from .stored import stored_form

FORMAT = ConfigFormat("tinytorch-gpt", 1, "tinytorch.gpt")

PathLike = str | os.PathLike[str]


def save_hf(folder: PathLike, config: GptConfig, weights: Mapping[str, Any]) -> Path:
    """Write model.safetensors and config.json, which `transformers` loads; return the folder.

    GPT-2 (learned positions, layer norms) and Llama (rotary positions, rms norms, gated) have a
    place there. Arrays are stored as float32; biases that the architecture has and `weights` lack
    as zeros. Each file is replaced atomically, the weights first.

    Args:
        folder: is made where it is missing.
        config: the sizes and choices that the arrays belong to.
        weights: arrays (or objects with `numpy()`) by canonical name.

    Raises:
        ValueError: weights that do not fit the config, a config that neither architecture has.
        OSError: the files cannot be written.
    """
    arrays = fitting(config, weights)
    given, tensors = hf_model(config, arrays)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_safetensors(folder / "model.safetensors", tensors, {"format": "pt"})
    save_json(folder / "config.json", given)
    return folder


def save_gpt(
    path: PathLike,
    config: GptConfig,
    weights: Mapping[str, Any],
    notes: Mapping[str, Any] | None = None,
    *,
    precision: str = "f32",
) -> Path:
    """Write NAME.safetensors (canonical names) and NAME.json.

    The config is in both; where they differ, the one with the weights counts.

    Args:
        path: NAME, or either file.
        config: the sizes and choices that the arrays belong to.
        weights: arrays (or objects with `numpy()`) by canonical name.
        notes: what else the config shall tell, as JSON (training, data, tokenizer...).
        precision: how matrices are stored: "f32", element types as given; "f16"; or "int8", with
            a float32 scale per row as `NAME.scale`: the largest of the row's values is 127 of it.

    Returns:
        The path of the weights.

    Raises:
        ValueError: weights that do not fit the config, notes that JSON lacks, another precision.
        TypeError: an element type that is no float, notes of another type.
        OSError: the files cannot be written.
    """
    arrays = fitting(config, weights)
    fields = {"precision": precision, "config": asdict(config), "notes": dict(notes or {})}
    place = weights_path(path)
    FORMAT.save(place, stored_form(arrays, precision), fields)
    return place


def fitting(config: GptConfig, weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the weights as arrays; ValueError, naming the array, where they do not fit."""
    shapes = config.shapes()
    missing = config.required().keys() - weights.keys()
    if missing:
        first = next(name for name in shapes if name in missing)
        raise ValueError(f"the weights lack {first!r}, of shape {shapes[first]}")
    arrays = {}
    for name, value in weights.items():
        if name not in shapes:
            raise ValueError(f"no array of this config is called {name!r}")
        array = np.asarray(value.numpy() if callable(getattr(value, "numpy", None)) else value)
        if array.shape != shapes[name]:
            raise ValueError(f"{name!r} must have shape {shapes[name]}, got {array.shape}")
        if array.dtype.kind != "f":
            raise TypeError(f"{name!r} has element type {array.dtype}; weights are floats")
        arrays[name] = array
    return arrays
