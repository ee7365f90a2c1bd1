"""One way to every checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...io import load_safetensors
from ..files import weights_path
from ..gpt import GptConfig
from .arrays import Arrays, FloatArray, FloatTensors
from .fields import Fields
from .gguf import load_gguf_model
from .hugging_face import load_folder
from .save import FORMAT
from .stored import StoredTensors

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
                    "tokenizer.model", "special_tokens_map.json")  # fmt: skip


@dataclass(frozen=True)
class LoadedGpt:
    """A checkpoint: what `GptSession(model.weights, model.config)` takes, and where it is from.

    Attributes:
        config: the sizes and choices.
        weights: float32 arrays by canonical name; some are views of the mapped file.
        path: what was loaded.
        given: the config as the file has it: config.json, a GGUF file's metadata, or our own
            with the `notes` that it was saved with.
        tokenizer_files: path by name, of those in the same folder: "tokenizer.json"...
    """

    config: GptConfig
    weights: dict[str, FloatArray]
    path: Path
    given: dict[str, Any]
    tokenizer_files: dict[str, Path] = field(default_factory=dict)


def load_gpt(path: str | os.PathLike[str]) -> LoadedGpt:
    """Load a GPT-2- or Llama-style decoder.

    Args:
        path: a folder in Hugging Face's layout (config.json with model_type gpt2 or llama, and
            model.safetensors, whole or in parts with model.safetensors.index.json); a GGUF file of
            the architecture gpt2 or llama (F32, F16, BF16, Q8_0, Q4_0, Q6_K); or NAME,
            NAME.safetensors or NAME.json as written by `save_gpt`.

    Raises:
        ValueError: a file that is not sound, weights that do not fit the config, and whatever
            the engine does not compute; the message names the file and the field or tensor.
        OSError: a file cannot be read (FileNotFoundError...).
    """
    place = Path(path)
    if place.is_dir():
        config, weights, given = load_folder(place)
        folder = place
    else:
        folder = place.parent
        if _is_gguf(place):
            config, weights, given = load_gguf_model(place)
        else:
            place = weights_path(place)
            config, weights, given = _load_saved(place)
    beside = {name: folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()}
    return LoadedGpt(config, weights, place, given, beside)


def _is_gguf(path: Path) -> bool:
    if path.suffix == ".gguf" or not path.is_file():
        return path.suffix == ".gguf"
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def _load_saved(path: Path) -> tuple[GptConfig, dict[str, FloatArray], dict[str, Any]]:
    tensors = load_safetensors(path)
    given = FORMAT.read(path, tensors, ". Give the folder of a model in Hugging Face's layout")
    fields = Fields(given, str(path))
    config = fields.config(**fields.group("config"))
    arrays = Arrays(StoredTensors(FloatTensors([tensors])), str(path))
    weights = {
        name: arrays.take(name, shape)
        for name, shape in config.shapes().items()
        if name in arrays or name in config.required()
    }
    arrays.finish()
    return config, weights, given
