"""Older path of `tinytorch.core.tokenization`."""

from __future__ import annotations

import string
from collections.abc import Iterable

from ..core.tokenization import KB_TO_BYTES, BPETokenizer, CharTokenizer, Tokenizer


class CharacterTokenizer(CharTokenizer):
    """A CharTokenizer that knows printable ASCII from the start."""

    def __init__(self, vocab: Iterable[str] | None = None) -> None:
        super().__init__(string.printable if vocab is None else vocab)


__all__ = ["KB_TO_BYTES", "BPETokenizer", "CharTokenizer", "CharacterTokenizer", "Tokenizer"]
