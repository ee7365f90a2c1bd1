"""Learning merges, against the `tokenizers` package's trainer: the same file in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch import _core
from tinytorch.text import ByteLevelBPE

from .oracle import END, ours, reference, shakespeare, unicode_texts

few_letters = st.text(st.sampled_from("ab"), max_size=120) | st.text(
    st.sampled_from("aab 1é'\n-"), max_size=80
)


def test_a_whole_book_gives_the_same_file():
    text = shakespeare()
    made = ours([text], 4096)
    assert made.vocabulary_size == 4096
    assert made.to_json() == reference([text], 4096).to_str(pretty=True) + "\n"


@given(
    texts=st.lists(few_letters, max_size=5),
    merges=st.integers(0, 90),
    min_frequency=st.sampled_from([0, 0, 2, 3]),
)
def test_few_letters_give_the_same_file(texts, merges, min_frequency):
    """Many equally frequent pairs, and pairs that overlap with themselves."""
    size = 257 + merges
    made = ours(texts, size, min_frequency=min_frequency)
    theirs = reference(texts, size, min_frequency=min_frequency)
    assert made.to_json() == theirs.to_str(pretty=True) + "\n"


@pytest.mark.parametrize(
    "split",
    [{"pattern": "llama3"}, {"single_digits": True}, {"prefix_space": True}],
    ids=str,
)
@given(texts=st.lists(unicode_texts, min_size=1, max_size=4))
def test_unicode_gives_the_same_file_however_it_is_split(split, texts):
    made, theirs = ours(texts, 320, **split), reference(texts, 320, **split)
    assert made.to_json() == theirs.to_str(pretty=True) + "\n"


def test_special_tokens_get_the_first_ids():
    special = ["<pad>", END, "<日>"]
    made = ours(["abab"], 270, special)
    assert made.special_tokens == {"<pad>": 0, END: 1, "<日>": 2}
    assert made.to_json() == reference(["abab"], 270, special).to_str(pretty=True) + "\n"
    assert made.decode(made.encode("ab<日><pad>")) == "ab<日><pad>"


def test_the_order_of_texts_does_not_matter_and_bytes_are_texts():
    texts = ["the cat sat", "on the mat", "the rat"]
    made = ours(texts, 280).to_json()
    assert ours(texts[::-1], 280).to_json() == made
    assert (
        ByteLevelBPE.train(iter(t.encode() for t in texts), 280, special_tokens=[END]).to_json()
        == made
    )


def test_a_single_text_is_one_text():
    assert ours("ab ab", 260).to_json() == ours(["ab ab"], 260).to_json()


@pytest.mark.parametrize(
    ("size", "special", "message"),
    [
        (255, [], "it must have 256"),
        (256, ["<s>"], "it must have 257"),
        (1 << 21, [], "to 1048576"),
        (-1, [], "it must have 256"),
        (300, [""], "is empty"),
        (300, ["é"], "name in ASCII"),
        (300, ["<s>", "<s>"], "<s>|id 0"),
        (300, ["x" * 5000], "at most 4096"),
    ],
)
def test_what_cannot_be_trained_is_refused(size, special, message):
    with pytest.raises(ValueError, match=message):
        ByteLevelBPE.train("abc", size, special_tokens=special)


def test_texts_are_text():
    with pytest.raises(TypeError, match="str or bytes, got int"):
        ByteLevelBPE.train([1, 2], 300)
    with pytest.raises(ValueError, match="surrogates"):
        ByteLevelBPE.train("\ud800", 300)


def test_threads_may_feed_one_trainer():
    from concurrent.futures import ThreadPoolExecutor

    lines = shakespeare()[:60_000].splitlines(keepends=True)
    alone, shared = _core.text.BpeTrainer(), _core.text.BpeTrainer()
    for line in lines:
        alone.feed(line.encode())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: shared.feed(line.encode()), lines))
    assert shared.train(500, 0, []).to_json() == alone.train(500, 0, []).to_json()
