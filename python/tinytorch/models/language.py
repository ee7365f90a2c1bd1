"""A language model with its tokenizer: opened from a file, run in sessions, saved.

    model = open_language_model("shakespeare-int8")     # a shipped name, or a path
    for piece in model.generator().stream_text("ROMEO:", temperature=0.8, max_new_tokens=200):
        print(piece, end="", flush=True)

Paths are those of `gpt_files.load_gpt`: our own files, folders in Hugging Face's layout, GGUF.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _core
from ..io import load_safetensors
from ..runtime import GptGenerator, GptSession
from ..text import ByteLevelBPE, Characters, TextTokenizer, load_tokenizer
from .files import weights_path
from .gpt import GptConfig
from .gpt_files import LoadedGpt, load_gpt, save_gpt
from .gpt_files.save import FORMAT
from .shipped import shipped, shipped_names

PathLike = str | os.PathLike[str]
_TOKENIZER = "tokenizer"


@dataclass
class LanguageModel:
    """A decoder's config, weights by canonical name (`tinytorch.models.gpt`) and tokenizer.

    precision: the number format that the weights came in, which sessions have if none is named.
    notes: what its file tells of it (training, data...).
    """

    config: GptConfig
    weights: Mapping[str, Any]
    tokenizer: TextTokenizer | None = None
    precision: str = "f32"
    path: Path | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def session(self, precision: str | None = None, cache: str | None = None) -> GptSession:
        """An inference session; the arguments are those of `GptSession`."""
        return GptSession(
            self.weights, self.config, precision=precision or self.precision, cache=cache
        )

    def generator(self, precision: str | None = None, **options: Any) -> GptGenerator:
        """A generator with a session of its own and the tokenizer; options are `GptGenerator`'s."""
        return GptGenerator(self.session(precision), tokenizer=self.tokenizer, **options)

    def need_tokenizer(self) -> TextTokenizer:
        """The tokenizer; ValueError where the model came without one."""
        if self.tokenizer is None:
            where = "the model" if self.path is None else self.path
            raise ValueError(
                f"{where} has no tokenizer: put its tokenizer.json (or vocab.json and merges.txt) "
                "beside it"
            )
        return self.tokenizer


def open_language_model(path: PathLike) -> LanguageModel:
    """Open a model by its path, or a shipped one by its name.

    Raises:
        FileNotFoundError: there is nothing of this name.
        ValueError: a file that is not sound, or of a model that the engine does not run.
    """
    given = Path(path)
    if given.parent == Path() and not given.exists() and given.name in shipped_names():
        given = shipped(given.name)
    if given.is_dir() and not (given / "config.json").exists() and _trained(given).is_file():
        given = _trained(given)
    loaded = load_gpt(given)
    notes = loaded.given.get("notes") or {}
    precision = str(loaded.given.get("precision") or "f32")
    tokenizer = _tokenizer(loaded, notes)
    if tokenizer is not None and tokenizer.vocabulary_size > loaded.config.vocabulary:
        raise ValueError(
            f"{loaded.path}: its tokenizer has {tokenizer.vocabulary_size} tokens, the model "
            f"{loaded.config.vocabulary}"
        )
    return LanguageModel(loaded.config, loaded.weights, tokenizer, precision, loaded.path, notes)


def is_language_model(path: PathLike) -> bool:
    """Whether `tinytorch train gpt` or `save_language_model` made what is there."""
    place = Path(path)
    place = _trained(place) if place.is_dir() else weights_path(place)
    try:
        return place.is_file() and FORMAT.key in load_safetensors(place).metadata
    except ValueError:
        return False


def save_language_model(
    path: PathLike,
    model: LanguageModel,
    *,
    precision: str = "f32",
    notes: Mapping[str, Any] | None = None,
) -> Path:
    """Write NAME.safetensors and NAME.json, the tokenizer in both; the path of the weights.

    precision: how matrices are stored: "f32", "f16", or "int8" with a scale per row, which a
        session of that precision computes with as it is.
    """
    told = dict(model.notes if notes is None else notes)
    if model.tokenizer is not None:
        told[_TOKENIZER] = json.loads(model.tokenizer.to_json())
    return save_gpt(path, model.config, model.weights, told, precision=precision)


def _trained(folder: Path) -> Path:
    return folder / "gpt.safetensors"


def _tokenizer(loaded: LoadedGpt, notes: dict[str, Any]) -> TextTokenizer | None:
    if _TOKENIZER in notes:
        text = json.dumps(notes.pop(_TOKENIZER)).encode()
        core = _core.text.Tokenizer.parse(text, f"the tokenizer in {loaded.path}")
        return ByteLevelBPE(core) if core.kind == "bytes" else Characters(core)
    files = loaded.tokenizer_files
    if "tokenizer.json" in files:
        return load_tokenizer(files["tokenizer.json"])
    if "vocab.json" in files and "merges.txt" in files:
        return ByteLevelBPE.load(loaded.path if loaded.path.is_dir() else loaded.path.parent)
    return None
