"""The `tokenizers` package as oracle, texts to compare on, and what both are told to make."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tinytorch.datasets import ShakespeareExcerpt
from tinytorch.text import ByteLevelBPE

tokenizers = pytest.importorskip("tokenizers", reason="the `tokenizers` package is the oracle")
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

END = "<|endoftext|>"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def assigned(char: str) -> bool:
    """Whether Python's Unicode tables know the character: then newer ones put it into the same
    class, and the tables of both tokenizers agree with them."""
    return unicodedata.category(char) != "Cn"


# Pieces that decide about where a text is split, and any character at all.
unicode_texts = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=6),
        st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\u3000", "\u2028", "\x85", "\xa0"]),
        st.sampled_from(["'s", "'S", "'ll", "'Ve", "'\u017f", "'", "12", "1234", "½", "٣٤", "!?"]),
        st.sampled_from(["the", " the", "é", "e\u0301", "日本語", "😀", "👩‍🚀", "ß", "ﬁ", END]),
    ),
    max_size=12,
).map("".join)


def split_of(pattern: str, single_digits: bool = False, prefix_space: bool = False) -> Any:
    if pattern == "llama3":
        split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        steps = [split, last]
    else:
        steps = [pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)]
    if single_digits:
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    return steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)


def reference(
    texts: list[str],
    size: int,
    special: list[str] = [END],  # noqa: B006
    min_frequency: int = 0,
    **split: Any,
) -> Tokenizer:
    """The oracle's tokenizer, trained."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = split_of(**{"pattern": "gpt2", **split})
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def ours(
    texts: list[str],
    size: int,
    special: list[str] = [END],  # noqa: B006
    **options: Any,
) -> ByteLevelBPE:
    return ByteLevelBPE.train(texts, size, special_tokens=special, **options)


def shakespeare() -> str:
    """All of Tiny Shakespeare where TINYTORCH_DATA has it, else the beginning that is shipped."""
    full = Path(os.environ.get("TINYTORCH_DATA", "/nowhere")) / "tinyshakespeare" / "input.txt"
    return full.read_text(encoding="utf-8") if full.exists() else ShakespeareExcerpt().text
