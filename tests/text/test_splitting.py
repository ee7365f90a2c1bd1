"""Splitting into words, against the oracle's regular expressions."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given

from tinytorch.text import ByteLevelBPE

from .oracle import assigned, decoders, split_of, unicode_texts

KINDS = {
    "gpt2": {"pattern": "gpt2"},
    "llama3": {"pattern": "llama3"},
    "gpt2-digits": {"pattern": "gpt2", "single_digits": True},
    "llama3-digits": {"pattern": "llama3", "single_digits": True},
    "gpt2-space": {"pattern": "gpt2", "prefix_space": True},
}
DECODER = decoders.ByteLevel()


def both(kind: str, text: str) -> tuple[list[str], list[str]]:
    options = KINDS[kind]
    words = ByteLevelBPE.train("", 256, **options).words(text)
    theirs = split_of(**options).pre_tokenize_str(text)
    return [w.decode() for w in words], [DECODER.decode([piece]) for piece, _ in theirs]


@pytest.mark.parametrize("kind", KINDS)
@given(text=unicode_texts)
def test_words_are_those_of_the_expression(kind, text):
    words, theirs = both(kind, text)
    assert words == theirs


def class_of(char: str) -> str:
    return unicodedata.category(char)[0]


# Both ends of every run of letters, numbers, spaces... that Python's tables have.
EDGES = [
    char
    for code in range(1, sys.maxunicode)
    if assigned(char := chr(code))
    and not 0xD800 <= code < 0xE000
    and len({class_of(chr(code + near)) for near in (-1, 0, 1)}) > 1
]


@pytest.mark.parametrize("kind", ["gpt2", "llama3"])
def test_classes_of_characters_agree(kind):
    """A letter joins "a", a number "1", anything else but spaces "!"."""
    assert len(EDGES) > 2000
    text = "".join(f"a{char}1{char}!{char}" for char in EDGES)
    words, theirs = both(kind, text)
    assert words == theirs


@pytest.mark.parametrize("kind", ["gpt2", "llama3"])
def test_contractions_agree_for_every_letter(kind):
    letters = [chr(c) for c in range(0x21, 0x2000) if assigned(chr(c))] + ["ﬅ", "ﬆ", "\u212a"]
    text = "".join(f"x'{a}y'{a}l'l{a}'r{a}'v{a} " for a in letters)
    words, theirs = both(kind, text)
    assert words == theirs


def test_bytes_that_are_not_utf8_are_in_words_too():
    tokenizer = ByteLevelBPE.train("", 256)
    data = b"a\xff\xfe b\xc3 \xe2\x82x\xf0\x9f\x98\x80"
    words = tokenizer.words(data)
    assert b"".join(words) == data
    assert words == [b"a", b"\xff\xfe", b" b", b"\xc3", b" \xe2\x82", b"x", b"\xf0\x9f\x98\x80"]


def test_unknown_ways_of_splitting_are_refused():
    with pytest.raises(ValueError, match="unknown pattern 'gpt4'; use gpt2 or llama3"):
        ByteLevelBPE.train("", 256, pattern="gpt4")
    with pytest.raises(ValueError, match="prefix_space"):
        ByteLevelBPE.train("", 256, pattern="llama3", prefix_space=True)
