"""One token per character."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.text import Characters, load_tokenizer

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_ids_are_in_the_order_of_code_points():
    tokenizer = Characters(["hello", " 😀é"])
    assert tokenizer.characters == " ehloé😀"
    assert tokenizer.vocabulary_size == 7
    assert tokenizer.encode("hello 😀").tolist() == [2, 1, 3, 3, 4, 0, 6]
    assert tokenizer.decode([2, 1, 3, 3, 4, 0, 6]) == "hello 😀"


@given(text=texts)
def test_any_text_comes_back(text):
    tokenizer = Characters(text)
    ids = tokenizer.encode(text)
    assert [sorted(set(text))[i] for i in ids] == list(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.characters == "".join(sorted(set(text)))


@given(text=texts, other=texts, unknown=st.booleans())
def test_the_reference_reads_our_file_with_the_same_ids(text, other, unknown):
    tokenizers = pytest.importorskip("tokenizers", reason="the `tokenizers` package is the oracle")
    made = Characters(text, unknown="<unk>" if unknown else None, special_tokens=["<end>"])
    theirs = tokenizers.Tokenizer.from_str(made.to_json())
    sample = text + "<end>" + (other if unknown else "")
    ids = made.encode(sample).tolist()
    assert ids == theirs.encode(sample).ids
    assert made.decode(ids) == theirs.decode(ids, skip_special_tokens=False)
    assert Characters.from_json(made.to_json()).encode(sample).tolist() == ids
    assert Characters.from_json(theirs.to_str()).to_json() == made.to_json()


def test_what_is_unknown_is_refused_or_has_an_id():
    strict = Characters("abc")
    with pytest.raises(ValueError, match=r"character 'é' \(code point 233, at byte 2\) is not in"):
        strict.encode("abé")
    with pytest.raises(ValueError, match="not UTF-8"):
        strict.encode(b"ab\xff")
    lenient = Characters("abc", unknown="<unk>", special_tokens=["<end>"])
    assert lenient.unknown_id == 3
    assert lenient.special_tokens == {"<unk>": 3, "<end>": 4}
    assert lenient.encode("aéb😀<end>").tolist() == [0, 3, 1, 3, 4]
    assert lenient.encode(b"a\xff").tolist() == [0, 3]
    assert lenient.decode([0, 3, 4]) == "a<unk><end>"
    assert lenient.decode([0, 3, 4], skip_special=True) == "a"


def test_characters_are_streamed_and_copied(tmp_path):
    tokenizer = Characters("aé😀")
    stream = tokenizer.stream()
    assert [stream.feed(i) for i in (2, 0, 1)] == ["😀", "a", "é"]
    assert pickle.loads(pickle.dumps(tokenizer)).characters == "aé😀"
    tokenizer.save(tmp_path / "tokenizer.json")
    assert load_tokenizer(tmp_path).encode("é").tolist() == [1]


def test_names_that_are_taken_are_refused():
    with pytest.raises(ValueError, match="occurs twice"):
        Characters("abc", unknown="a")
    with pytest.raises(ValueError, match="twice"):
        Characters("abc", special_tokens=["<e>", "<e>"])
    with pytest.raises(ValueError, match="empty"):
        Characters("abc", special_tokens=[""])
    with pytest.raises(ValueError, match="not UTF-8"):
        Characters(b"\xff")
    with pytest.raises(TypeError, match="str or bytes, got int"):
        Characters([3])


def test_no_characters_at_all():
    tokenizer = Characters("")
    assert tokenizer.vocabulary_size == 0
    assert tokenizer.encode("").tolist() == []
    with pytest.raises(ValueError, match="not in the vocabulary"):
        tokenizer.encode("a")
    assert Characters.from_json(tokenizer.to_json()).vocabulary_size == 0
