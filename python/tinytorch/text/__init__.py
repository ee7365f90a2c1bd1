"""Tokenizers for language models, made of C++: `ByteLevelBPE` and `Characters`.

Both have `encode`, `decode`, `decode_bytes`, `encode_batch` (padding and truncation), `stream`
(text of tokens as they come), `save` and `load`, and keep themselves in a `tokenizer.json` that the
`tokenizers` package of Hugging Face reads and writes. `load_tokenizer` reads either.

Of that package's files those are read whose model is a BPE of bytes: pre-tokenizer `ByteLevel`,
alone or in a `Sequence` after `Digits` or after a `Split` by the expression of GPT-2 or Llama 3;
and those of `Characters`. What else changes ids (normalizers, other models, dropout) is refused by
name; truncation and padding that a file asks for are not acted on, but kept.

The course's own tokenizers are in `tinytorch.core.tokenization`; the modules `tokenization` and
`embeddings` here are older paths to the course's classes.
"""

from __future__ import annotations

import os
from pathlib import Path

from .. import _core
from ._tokenizer import TextStream, TextTokenizer
from .byte_level import ByteLevelBPE
from .characters import Characters

__all__ = ["ByteLevelBPE", "Characters", "TextStream", "TextTokenizer", "load_tokenizer"]


def load_tokenizer(path: str | os.PathLike[str]) -> TextTokenizer:
    """Read a `tokenizer.json`, or a folder as `ByteLevelBPE.load` does, whichever kind it is."""
    if Path(path).is_dir() and not (Path(path) / "tokenizer.json").exists():
        return ByteLevelBPE.load(path)
    file = Path(path) / "tokenizer.json" if Path(path).is_dir() else Path(path)
    core = _core.text.Tokenizer.load(os.fsencode(file))
    return ByteLevelBPE(core) if core.kind == "bytes" else Characters(core)
