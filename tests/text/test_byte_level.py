"""Encoding and decoding, against the `tokenizers` package and against themselves."""

from __future__ import annotations

import codecs
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.text import ByteLevelBPE

from .oracle import END, Tokenizer, ours, reference, shakespeare, tokenizers, unicode_texts


@pytest.fixture(scope="module")
def book() -> str:
    return shakespeare()


@pytest.fixture(scope="module")
def tokenizer(book) -> ByteLevelBPE:
    return ours([book], 2000)


@pytest.fixture(scope="module")
def theirs(book) -> Tokenizer:
    return reference([book], 2000)


def test_a_whole_book_has_the_same_ids(book, tokenizer, theirs):
    ids = tokenizer.encode(book)
    assert ids.dtype == np.int64
    assert ids.tolist() == theirs.encode(book).ids
    assert tokenizer.decode(ids) == book == theirs.decode(ids.tolist())


@given(text=unicode_texts)
def test_unicode_has_the_same_ids(tokenizer, theirs, text):
    ids = tokenizer.encode(text)
    assert ids.tolist() == theirs.encode(text).ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special=True) == text.replace(END, "")


@given(text=st.text(st.sampled_from("ab"), max_size=300))
def test_long_words_have_the_same_ids(text):
    made, theirs = ours(["abaabbbabaab" * 4, "aabab" * 9], 300), _two_letters()
    assert made.encode(text).tolist() == theirs.encode(text).ids


def _two_letters(cache: list[Tokenizer] = []) -> Tokenizer:  # noqa: B006
    if not cache:
        cache.append(reference(["abaabbbabaab" * 4, "aabab" * 9], 300))
    return cache[0]


@given(data=st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_come_back(tokenizer, data):
    ids = tokenizer.encode(data)
    assert tokenizer.decode_bytes(ids) == data
    assert tokenizer.decode(ids) == data.decode("utf-8", "replace")


@given(ids=st.lists(st.integers(0, 1999), max_size=40))
def test_any_ids_are_decoded_as_the_reference_decodes_them(tokenizer, theirs, ids):
    assert tokenizer.decode(ids) == theirs.decode(ids, skip_special_tokens=False)
    assert tokenizer.decode(ids, skip_special=True) == theirs.decode(ids)


@given(
    ids=st.lists(st.integers(0, 1999), max_size=40),
    data=st.binary(max_size=20),
    cuts=st.lists(st.integers(1, 5), max_size=40),
)
def test_a_stream_gives_whole_characters_and_in_the_end_all(tokenizer, ids, data, cuts):
    ids = [*ids, *tokenizer.encode(data).tolist()]
    stream, python = tokenizer.stream(), codecs.getincrementaldecoder("utf-8")("replace")
    parts = []
    while ids:
        n = cuts.pop() if cuts else 1
        parts.append(stream.feed(ids[:n]))
        assert parts[-1] == python.decode(tokenizer.decode_bytes(ids[:n]))
        del ids[:n]
    assert stream.finish() == python.decode(b"", True)
    assert stream.finish() == ""


def test_a_stream_takes_single_ids_and_leaves_special_ones_out(tokenizer):
    ids = tokenizer.encode(f"é{END}!")
    plain, skipping = tokenizer.stream(), tokenizer.stream(skip_special=True)
    assert "".join(plain.feed(i) for i in ids) == f"é{END}!"
    assert "".join(skipping.feed(int(i)) for i in ids) == "é!"
    assert plain.feed([]) == ""


def test_names_of_added_tokens_can_be_plain_text(tokenizer):
    assert tokenizer.encode(f"a{END}").tolist()[-1] == 0
    plain = tokenizer.encode(f"a{END}", added_tokens=False)
    assert 0 not in plain
    assert tokenizer.decode(plain) == f"a{END}"


added_tokens = st.builds(
    tokenizers.AddedToken,
    st.text(st.sampled_from("a <é\n"), min_size=1, max_size=4),
    lstrip=st.booleans(),
    rstrip=st.booleans(),
    normalized=st.booleans(),
    special=st.booleans(),
)


@given(
    added=st.lists(added_tokens, max_size=4, unique_by=lambda t: t.content),
    text=st.text(st.sampled_from("aab <é\n\u3000"), max_size=30),
)
def test_added_tokens_are_found_where_the_reference_finds_them(added, text):
    plain = reference(["a a <a <"], 265)
    taken = plain.get_vocab()
    for token in added:
        if token.content not in taken:
            plain.add_tokens([token])
    made = ByteLevelBPE.from_json(plain.to_str())
    assert made.encode(text).tolist() == plain.encode(text).ids


def test_tokens_by_name_and_by_id(tokenizer):
    assert tokenizer.special_tokens == {END: 0}
    assert tokenizer.token_id(END) == 0
    assert tokenizer.unknown_id is None
    the = tokenizer.token_id(" the")
    assert tokenizer.encode(" the").tolist() == [the]
    assert tokenizer.token_bytes(the) == b" the"
    assert tokenizer.token_id("no such token") is None
    assert tokenizer.token_id(b"\xff") == tokenizer.encode(b"\xff")[0]
    for bad in (-1, 2000, 1 << 40):
        with pytest.raises(ValueError, match="ids are 0 to 1999"):
            tokenizer.token_bytes(bad)


def test_copies_encode_the_same(tokenizer):
    for other in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert type(other) is ByteLevelBPE
        assert other.encode("To be, or").tolist() == tokenizer.encode("To be, or").tolist()
    assert repr(tokenizer) == "ByteLevelBPE(vocabulary_size=2000)"


def test_threads_share_a_tokenizer(book, tokenizer):
    parts = [book[i : i + 5000] for i in range(0, 60_000, 5000)]
    alone = [tokenizer.encode(p).tolist() for p in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda p: tokenizer.encode(p).tolist(), parts)) == alone


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([2000], ValueError, "no token has the id 2000; ids are 0 to 1999"),
        ([-1], ValueError, "no token has the id -1"),
        ([1.0], TypeError, "whole numbers, got float64"),
        (["a"], TypeError, "whole numbers"),
        ([True], TypeError, "whole numbers, got bool"),
        ([[1, 2]], ValueError, "shape"),
        (3, ValueError, "shape"),
        (None, TypeError, "whole numbers"),
    ],
)
def test_bad_ids_are_refused(tokenizer, ids, error, message):
    with pytest.raises(error, match=message):
        tokenizer.decode(ids)


def test_ids_come_in_many_forms(tokenizer):
    ids = tokenizer.encode("hello")
    strided = np.repeat(ids, 2)[::2]
    for form in (ids.tolist(), tuple(ids), ids.astype(np.int32), ids.astype(np.uint16), strided):
        assert tokenizer.decode(form) == "hello"
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode(np.zeros(0)) == ""


def test_text_is_text(tokenizer):
    for bad in (None, 3, ["a"]):
        with pytest.raises(TypeError, match="str or bytes"):
            tokenizer.encode(bad)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        tokenizer.encode("a\ud800")
    assert tokenizer.encode(bytearray(b"ab")).tolist() == tokenizer.encode("ab").tolist()
    assert tokenizer.encode("").shape == (0,)


def test_work_grows_with_the_text_and_not_faster(tokenizer):
    """One word without an end, and one space after the other."""
    for unit in ("ab", " ", "\n", "é", "1"):
        data = unit * 300_000
        assert tokenizer.decode(tokenizer.encode(data)) == data
