"""Padding and truncation, against the `tokenizers` package."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.text import ByteLevelBPE, Characters

from .oracle import END, Tokenizer, reference, tokenizers

sides = st.sampled_from(["left", "right"])
words = st.text(st.sampled_from("abc "), max_size=12)


@pytest.fixture(scope="module")
def theirs() -> Tokenizer:
    made = reference(["abc ab bca"], 265, [END, "<s>"])
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"<s> $A {END}", special_tokens=[("<s>", 1), (END, 0)]
    )
    return made


@given(
    texts=st.lists(words, min_size=1, max_size=5),
    length=st.none() | st.integers(3, 9),
    side=sides,
    cut=sides,
    framed=st.booleans(),
)
def test_batches_are_those_of_the_reference(theirs, texts, length, side, cut, framed):
    ours = ByteLevelBPE.from_json(theirs.to_str())
    theirs = Tokenizer.from_str(theirs.to_str())
    theirs.enable_padding(direction=side, pad_id=0, pad_token=END, length=length)
    if length is not None:
        theirs.enable_truncation(length, direction=cut)
    expected = theirs.encode_batch(texts, add_special_tokens=framed)
    ids, mask = ours.encode_batch(
        texts, length=length, pad=END, side=side, truncate=cut, add_special_tokens=framed
    )
    assert ids.dtype == np.int64
    assert mask.dtype == bool
    assert ids.tolist() == [row.ids for row in expected]
    assert mask.tolist() == [list(map(bool, row.attention_mask)) for row in expected]


def test_padding_is_an_id_or_a_name():
    tokenizer = Characters("abc", special_tokens=["<pad>"])
    for pad in (3, "<pad>", np.int64(3)):
        ids, mask = tokenizer.encode_batch(["a", "abc"], pad=pad)
        assert ids.tolist() == [[0, 3, 3], [0, 1, 2]]
        assert mask.tolist() == [[True, False, False], [True] * 3]
    with pytest.raises(ValueError, match=r"no token is '<x>'; the special ones are \['<pad>'\]"):
        tokenizer.encode_batch(["a"], pad="<x>")
    with pytest.raises(ValueError, match="no token has the id 4"):
        tokenizer.encode_batch(["a"], pad=4)


def test_padding_must_be_said_only_where_it_is_needed():
    tokenizer = Characters("abc")
    ids, mask = tokenizer.encode_batch(["ab", "bc"])
    assert ids.tolist() == [[0, 1], [1, 2]]
    assert mask.all()
    assert tokenizer.encode_batch(["abc", "bca"], length=2)[0].tolist() == [[0, 1], [1, 2]]
    with pytest.raises(ValueError, match="need pad="):
        tokenizer.encode_batch(["ab", "b"])


def test_empty_batches_and_lengths():
    tokenizer = Characters("abc")
    assert tokenizer.encode_batch([])[0].shape == (0, 0)
    assert tokenizer.encode_batch([], length=4)[1].shape == (0, 4)
    assert tokenizer.encode_batch(["ab"], length=0)[0].shape == (1, 0)
    assert tokenizer.encode_batch(["ab"], length=0, truncate="left")[0].shape == (1, 0)


def test_bad_arguments_are_refused(theirs):
    tokenizer = ByteLevelBPE.from_json(theirs.to_str())
    with pytest.raises(ValueError, match="side must be 'left' or 'right', got 'middle'"):
        tokenizer.encode_batch(["a"], side="middle")
    with pytest.raises(ValueError, match="truncate must be"):
        tokenizer.encode_batch(["a"], truncate="up")
    with pytest.raises(ValueError, match=r"length must be at least 2, .* got 1"):
        tokenizer.encode_batch(["a"], length=1, add_special_tokens=True)
    with pytest.raises(ValueError, match=r"length must be at least 0, .* got -1"):
        tokenizer.encode_batch(["a"], length=-1)
    with pytest.raises(TypeError, match="str or bytes"):
        tokenizer.encode_batch([3])
    with pytest.raises(TypeError, match="several texts"):
        tokenizer.encode_batch("abc")
