# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__: list[str] = ["BpeTrainer", "Tokenizer", "Utf8Stream"]

class Tokenizer:
    """Bytes of text to token ids and back; immutable."""

    @staticmethod
    def characters(
        texts: Sequence[bytes], unknown: str | None, special: Sequence[str]
    ) -> Tokenizer:
        """Ids by code point, then `unknown` and `special`."""

    @staticmethod
    def load(path: str | bytes) -> Tokenizer: ...
    @staticmethod
    def load_gpt2(vocab: bytes, merges: bytes, special: Sequence[str]) -> Tokenizer: ...
    @staticmethod
    def parse(data: bytes, what: str = "tokenizer.json") -> Tokenizer: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def decode(self, ids: np.ndarray, skip_special: bool = False) -> bytes: ...
    def encode(
        self, data: bytes, added_tokens: bool = True, frame: bool = False
    ) -> NDArray[np.int64]: ...
    def encode_many(
        self, texts: Sequence[bytes], added_tokens: bool = True, frame: bool = False
    ) -> list[NDArray[np.int64]]: ...
    def find(self, data: bytes) -> int | None: ...
    def pieces(self, data: bytes) -> list[bytes]:
        """What the pre-tokenizer makes of the data."""

    def to_json(self) -> str: ...
    def token(self, id: int) -> bytes:
        """The bytes of a token; empty if no token has this id."""

    @property
    def added_tokens(self) -> list[tuple[int, str, bool]]:
        """(id, name, special)"""

    @property
    def begin_ids(self) -> list[int]: ...
    @property
    def end_ids(self) -> list[int]: ...
    @property
    def kind(self) -> str:
        """'bytes' or 'characters'"""

    @property
    def unknown_id(self) -> int | None: ...
    @property
    def vocabulary_size(self) -> int: ...

class BpeTrainer:
    """Learns byte-pair merges from what it is fed."""

    def __init__(
        self, pattern: str = "gpt2", single_digits: bool = False, prefix_space: bool = False
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def feed(self, data: bytes) -> None: ...
    def train(
        self, vocabulary_size: int, min_frequency: int, special: Sequence[str]
    ) -> Tokenizer: ...

class Utf8Stream:
    """Whole characters of bytes that come in pieces."""

    def __init__(self) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def feed(self, data: bytes) -> str: ...
    def finish(self) -> str: ...
