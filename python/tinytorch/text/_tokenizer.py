"""What all tokenizers have in common: ids, files, batches, streams."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from .. import _core

Text = str | bytes
Self = TypeVar("Self", bound="TextTokenizer")
SIDES = ("left", "right")


class TextTokenizer:
    """Text to token ids and back; the base of `ByteLevelBPE` and `Characters`.

    Immutable; threads may share one. Text is `str`, or `bytes` where it need not be UTF-8.
    Ids are int64, as models take them.
    """

    _kind: str

    def __init__(self, core: _core.text.Tokenizer) -> None:
        if core.kind != self._kind:
            raise ValueError(
                f"this is a tokenizer of {core.kind}, and {type(self).__name__} is one of "
                f"{self._kind}; tinytorch.text.load_tokenizer reads both"
            )
        self._core = core

    @property
    def vocabulary_size(self) -> int:
        """The number above every id: the rows that a table of embeddings needs."""
        return self._core.vocabulary_size

    @property
    def special_tokens(self) -> dict[str, int]:
        """Name -> id of the tokens that text may name and `decode` may leave out."""
        return {name: id_ for id_, name, special in self._core.added_tokens if special}

    @property
    def unknown_id(self) -> int | None:
        """The id of what has none; None where such text is refused."""
        return self._core.unknown_id

    def encode(
        self, text: Text, *, added_tokens: bool = True, add_special_tokens: bool = False
    ) -> np.ndarray:
        """The ids of a text, int64 (n,).

        Args:
            text: what to encode; at most 2 GiB.
            added_tokens: whether the names of added tokens in the text are these tokens. Turn it
                off for text that others wrote.
            add_special_tokens: whether to put around it what the tokenizer's file says (a token for
                the beginning of a text, say). Of the tokenizers that are made here, none says so.

        Raises:
            ValueError: the text has something without an id, or lone surrogates.
        """
        return self._core.encode(as_bytes(text), added_tokens, add_special_tokens)

    def decode(self, ids: Any, *, skip_special: bool = False, errors: str = "replace") -> str:
        """The text of ids (n,).

        Tokens may end within a character: what is no UTF-8 becomes U+FFFD, or what else `errors`
        says (as in `bytes.decode`). `skip_special` leaves the special tokens out. ValueError for
        an id that no token has.
        """
        return self.decode_bytes(ids, skip_special=skip_special).decode("utf-8", errors)

    def decode_bytes(self, ids: Any, *, skip_special: bool = False) -> bytes:
        """The bytes of ids (n,), whether or not they are UTF-8."""
        return self._core.decode(_ids(ids), skip_special)

    def stream(self, *, skip_special: bool = False) -> TextStream:
        """A decoder of ids that come one after the other, for text that is shown as it is made."""
        return TextStream(self, skip_special)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of a token. ValueError if no token has this id."""
        found = self._core.token(token_id)
        if not found:
            raise ValueError(
                f"no token has the id {token_id}; ids are 0 to {self.vocabulary_size - 1}"
            )
        return found

    def token_id(self, token: Text) -> int | None:
        """The id of a special token by its name, or of any token by its text; None: no token."""
        return self._core.find(as_bytes(token))

    def encode_batch(
        self,
        texts: Sequence[Text],
        *,
        length: int | None = None,
        pad: int | str | None = None,
        side: str = "right",
        truncate: str = "right",
        added_tokens: bool = True,
        add_special_tokens: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of texts as one array: the shorter ones padded, the longer ones cut.

        Args:
            texts: what to encode.
            length: columns of the result; by default those of the longest text, and nothing is cut.
            pad: the id, or the name of the token, that fills rows. Needed where a row is short.
            side: "right", padding after the text, or "left", before it (for generation).
            truncate: "right" cuts the end of a text, "left" its beginning. What
                `add_special_tokens` adds is never cut.
            added_tokens, add_special_tokens: as for `encode`.

        Returns:
            ids, int64 (texts, length), and mask, bool of the same shape, true where a token is.
        """
        if isinstance(texts, (str, bytes)):
            raise TypeError("encode_batch wants several texts; give a list, or call encode")
        for name, value in (("side", side), ("truncate", truncate)):
            if value not in SIDES:
                raise ValueError(f"{name} must be 'left' or 'right', got {value!r}")
        begin, end = self._frame(add_special_tokens)
        if length is not None and length < len(begin) + len(end):
            raise ValueError(
                f"length must be at least {len(begin) + len(end)}, the tokens that every text "
                f"gets, got {length}"
            )
        rows = self._core.encode_many([as_bytes(text) for text in texts], added_tokens, False)
        columns = length
        if columns is None:
            columns = max((len(row) for row in rows), default=0) + len(begin) + len(end)
        room = columns - len(begin) - len(end)
        rows = [row[-room:] if truncate == "left" and len(row) > room else row for row in rows]
        rows = [np.concatenate([begin, row[:room], end]) for row in rows]
        return self._padded(rows, columns, pad, side)

    def _frame(self, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
        ids = (self._core.begin_ids, self._core.end_ids) if wanted else ((), ())
        return np.array(ids[0], np.int64), np.array(ids[1], np.int64)

    def _padded(
        self, rows: list[np.ndarray], columns: int, pad: int | str | None, side: str
    ) -> tuple[np.ndarray, np.ndarray]:
        short = any(len(row) < columns for row in rows)
        fill = self._pad_id(pad) if short or pad is not None else 0
        ids = np.full((len(rows), columns), fill, np.int64)
        mask = np.zeros(ids.shape, bool)
        for i, row in enumerate(rows):
            at = slice(0, len(row)) if side == "right" else slice(columns - len(row), columns)
            ids[i, at] = row
            mask[i, at] = True
        return ids, mask

    def _pad_id(self, pad: int | str | None) -> int:
        if pad is None:
            raise ValueError("texts of different lengths need pad=, an id or the name of a token")
        if not isinstance(pad, str):
            self.token_bytes(pad)
            return pad
        found = self.token_id(pad)
        if found is None:
            raise ValueError(f"no token is {pad!r}; the special ones are {[*self.special_tokens]}")
        return found

    def to_json(self) -> str:
        """The tokenizer as the text of a `tokenizer.json`."""
        return self._core.to_json()

    @classmethod
    def from_json(cls: type[Self], text: Text) -> Self:
        """A tokenizer from the text of a `tokenizer.json`. ValueError for one that is not sound."""
        return cls(_core.text.Tokenizer.parse(as_bytes(text)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `tokenizer.json` that the `tokenizers` package reads, too."""
        _core.io.write_file_atomic(os.fsencode(path), self.to_json().encode("utf-8"))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return type(self).from_json, (self.to_json(),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocabulary_size={self.vocabulary_size})"


class TextStream:
    """Text of ids that come one after the other: characters are given out when they are whole.

        for token in session...:
            print(stream.feed(token), end="")
        print(stream.finish())

    All that it gives, put together, is what `decode` gives for all ids.
    """

    def __init__(self, tokenizer: TextTokenizer, skip_special: bool = False) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._stream = _core.text.Utf8Stream()

    def feed(self, ids: Any) -> str:
        """The characters that are whole with these ids: one id or a sequence of them."""
        ids = np.atleast_1d(np.asarray(ids))
        return self._stream.feed(self._tokenizer.decode_bytes(ids, skip_special=self._skip_special))

    def finish(self) -> str:
        """U+FFFD if a character was left unfinished, else nothing; then the stream is as new."""
        return self._stream.finish()


def as_texts(texts: Text | Iterable[Text]) -> Iterable[bytes]:
    """The texts that were given, one or several, as bytes."""
    if isinstance(texts, (str, bytes)):
        texts = (texts,)
    return (as_bytes(text) for text in texts)


def as_bytes(text: Text) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8")  # a lone surrogate is a UnicodeEncodeError, a ValueError
    if isinstance(text, bytes):
        return text
    if isinstance(text, (bytearray, memoryview)):
        return bytes(text)
    raise TypeError(f"text must be str or bytes, got {type(text).__name__}")


def _ids(ids: Any) -> np.ndarray:
    array = np.asarray(ids)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be whole numbers, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"ids must be of one text, shape (n,), got shape {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)
