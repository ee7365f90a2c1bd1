"""Byte-level byte-pair encoding, as GPT-2 has it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from .. import _core
from ._tokenizer import Text, TextTokenizer, as_bytes, as_texts

END_OF_TEXT = "<|endoftext|>"  # GPT-2's name


class ByteLevelBPE(TextTokenizer):
    """Tokens are sequences of bytes that were frequent in the training text.

    There is a token for every byte, so that any text has ids, and `decode_bytes` gives it back
    (Sennrich et al. 2016; Radford et al. 2019). Ids are those of the `tokenizers` package.

        tokenizer = ByteLevelBPE.train(text, 1000, special_tokens=["<|endoftext|>"])
        ids = tokenizer.encode("To be, or not to be")
        tokenizer.save("tokenizer.json")
    """

    _kind = "bytes"

    @classmethod
    def train(
        cls,
        texts: Text | Iterable[Text],
        vocabulary_size: int,
        *,
        special_tokens: Sequence[str] = (),
        min_frequency: int = 0,
        pattern: str = "gpt2",
        single_digits: bool = False,
        prefix_space: bool = False,
    ) -> ByteLevelBPE:
        """Learn the tokens of texts.

        Texts are split into words, which tokens never cross; then the most frequent pair of
        neighbouring tokens becomes a token, again and again. Among equally frequent pairs the one
        with the smaller ids goes first, so the result is the same each time.

        Args:
            texts: one text or many, each split for itself.
            vocabulary_size: tokens in all: special ones, 256 bytes, and what is learned. It can
                remain smaller where the texts are short.
            special_tokens: names of tokens that get the first ids.
            min_frequency: how often a pair must occur to become a token.
            pattern: how text is split into words: "gpt2" or "llama3".
            single_digits: every digit is a token, whatever the pattern.
            prefix_space: a text that does not begin with a space gets one (pattern "gpt2").
        """
        trainer = _core.text.BpeTrainer(pattern, single_digits, prefix_space)
        for text in as_texts(texts):
            trainer.feed(text)
        return cls(trainer.train(vocabulary_size, min_frequency, list(special_tokens)))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ByteLevelBPE:
        """Read a `tokenizer.json`, or a folder with one or with `vocab.json` and `merges.txt`.

        Of the two files, "<|endoftext|>" is special if it is in the vocabulary. ValueError says
        what is unsound or not supported (see `tinytorch.text`); OSError where a file cannot be
        read.
        """
        folder = Path(path)
        if not folder.is_dir():
            return cls(_core.text.Tokenizer.load(os.fsencode(path)))
        both = folder / "vocab.json", folder / "merges.txt"
        if (folder / "tokenizer.json").exists() or not both[0].exists():
            return cls(_core.text.Tokenizer.load(os.fsencode(folder / "tokenizer.json")))
        plain = cls.from_files(*both)
        if plain.token_id(END_OF_TEXT) is None:
            return plain
        return cls.from_files(*both, special_tokens=[END_OF_TEXT])

    @classmethod
    def from_files(
        cls,
        vocab: str | os.PathLike[str],
        merges: str | os.PathLike[str],
        *,
        special_tokens: Sequence[str] = (),
    ) -> ByteLevelBPE:
        """Read GPT-2's two files: tokens with their ids, and merges in their order.

        `special_tokens` are tokens of the vocabulary that text may name.
        """
        return cls(
            _core.text.Tokenizer.load_gpt2(
                os.fsencode(vocab), os.fsencode(merges), list(special_tokens)
            )
        )

    def words(self, text: Text) -> list[bytes]:
        """The pieces that text is split into before anything is merged: no token crosses them."""
        return self._core.pieces(as_bytes(text))
