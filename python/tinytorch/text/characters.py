"""One token per character."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from .. import _core
from ._tokenizer import Text, TextTokenizer, as_texts


class Characters(TextTokenizer):
    """One id per character, in the order of code points.

        tokenizer = Characters(text)
        ids = tokenizer.encode("To be")

    Args:
        texts: one text or many; the characters that occur in them get ids 0 to n - 1.
        unknown: the name of a token for all other characters, say "<unk>". Without one, text that
            has others is refused with a ValueError.
        special_tokens: names of further tokens.

    The unknown token and the special ones have the ids after the characters. In a file, the
    tokenizer is a BPE without merges, which the `tokenizers` package reads with the same ids
    (but it drops unknown characters without a word where there is no token for them).
    """

    _kind = "characters"

    def __init__(
        self,
        texts: Text | Iterable[Text] | _core.text.Tokenizer,
        *,
        unknown: str | None = None,
        special_tokens: Sequence[str] = (),
    ) -> None:
        if not isinstance(texts, _core.text.Tokenizer):
            texts = _core.text.Tokenizer.characters(
                list(as_texts(texts)), unknown, list(special_tokens)
            )
        super().__init__(texts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Characters:
        """Read a file that `save` wrote. ValueError says what is unsound; OSError where it cannot
        be read."""
        return cls(_core.text.Tokenizer.load(os.fsencode(path)))

    @property
    def characters(self) -> str:
        """The characters with an id, in the order of their ids."""
        tokens = (self._core.token(i).decode("utf-8") for i in range(self.vocabulary_size))
        return "".join(t for t in tokens if len(t) == 1)
