"""Tokenizers (contract 12)."""

import random
import time

import numpy as np
import pytest

from tinytorch import BPETokenizer, CharTokenizer, Tokenizer
from tinytorch.text.tokenization import CharacterTokenizer


def test_base_class():
    for call in (lambda t: t.encode("a"), lambda t: t.decode([0])):
        with pytest.raises(NotImplementedError):
            call(Tokenizer())


def test_char_attributes():
    t = CharTokenizer(["a", "b"])
    assert t.vocab == ["<UNK>", "a", "b"]
    assert t.vocab_size == 3
    assert type(t.vocab_size) is int
    assert t.char_to_id == {"<UNK>": 0, "a": 1, "b": 2}
    assert t.id_to_char == {0: "<UNK>", 1: "a", 2: "b"}
    assert t.unk_id == 0
    assert CharTokenizer().vocab == ["<UNK>"]
    assert isinstance(t, Tokenizer)


def test_char_round_trip():
    t = CharTokenizer()
    t.build_vocab(["hello", "world"])
    assert t.vocab == ["<UNK>", *sorted(set("helloworld"))]
    ids = t.encode("hold!")
    assert all(type(i) is int for i in ids)
    assert ids[-1] == 0
    assert t.decode(ids) == "hold<UNK>"
    assert t.decode(np.array(ids[:-1])) == "hold"
    assert t.decode(np.array(ids[:-1], dtype=np.float32)) == "hold"
    assert t.decode([999]) == "<UNK>"
    assert t.encode("") == []
    assert t.decode([]) == ""
    t.build_vocab([])
    assert t.vocab == ["<UNK>"]


def test_printable_characters():
    t = CharacterTokenizer()
    assert t.decode(t.encode("Hi, there!\n")) == "Hi, there!\n"


def test_before_training():
    t = BPETokenizer()
    assert t.vocab_size == 1000
    assert (t.vocab, t.merges, t.token_to_id, t.id_to_token) == ([], [], {}, {})
    assert t.encode("hello") == []
    assert t.decode([1, 2]) == ""


def test_helpers():
    t = BPETokenizer()
    assert t._get_word_tokens("cat") == ["c", "a", "t</w>"]
    assert t._get_word_tokens("a") == ["a</w>"]
    assert t._get_word_tokens("") == []
    assert t._get_pairs(["a", "b", "a", "b"]) == {("a", "b"), ("b", "a")}
    assert t._get_pairs(["a"]) == set()
    t.merges = [("a", "b"), ("ab", "c")]
    assert t._apply_merges(["a", "b", "c", "a", "b"]) == ["abc", "ab"]
    assert t._apply_merges([]) == []
    t.merges.append(("abc", "ab"))
    assert t._apply_merges(["a", "b", "c", "a", "b"]) == ["abcab"]
    t.vocab = ["<UNK>", "a"]
    t._build_mappings()
    assert t.token_to_id == {"<UNK>": 0, "a": 1}
    assert t.id_to_token == {0: "<UNK>", 1: "a"}


def test_training_and_round_trip():
    corpus = ["hello", "hello", "help", "world", "word"]
    t = BPETokenizer(vocab_size=30)
    t.train(corpus)
    assert t.vocab[0] == "<UNK>"
    initial = len({token for w in set(corpus) for token in t._get_word_tokens(w)}) + 1
    assert t.vocab[1:initial] == sorted(t.vocab[1:initial])
    assert len(t.vocab) == len(set(t.vocab)) <= 30
    assert all(a + b in t.token_to_id for a, b in t.merges)
    ids = t.encode("hello  world\nhelp")
    assert all(type(i) is int for i in ids)
    assert t.decode(ids) == "hello world help"
    assert t.decode(np.array(ids, dtype=np.float32)) == "hello world help"
    assert 0 in t.encode("zebra")
    assert t.encode("hello") == [t.token_to_id["hello</w>"]]


def test_a_given_size_replaces_the_constructors():
    t = BPETokenizer(vocab_size=1000)
    t.train(["aaabdaaabac", "aab"], vocab_size=8)
    assert t.vocab_size == 8
    assert len(t.vocab) == 8
    t.train(["ab", "cd"], vocab_size=3)  # smaller than the alphabet: no merges
    assert t.merges == []


def plain_training(corpus, size):
    """The definition, without any cleverness: recount everything after every merge."""
    t = BPETokenizer()
    words = [(t._get_word_tokens(w), corpus.count(w)) for w in dict.fromkeys(corpus)]
    vocab = ["<UNK>", *sorted({token for tokens, _ in words for token in tokens})]
    merges = []
    while len(vocab) < size:
        counts = {}
        for tokens, frequency in words:
            for pair in t._get_pairs(tokens):
                counts[pair] = counts.get(pair, 0) + frequency
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        if "".join(best) not in vocab:
            vocab.append("".join(best))
        words = [(merge(tokens, best), frequency) for tokens, frequency in words]
    return vocab, merges


def merge(tokens, pair):
    out = []
    for token in tokens:
        if out and not out[-1][1] and (out[-1][0], token) == pair:
            out[-1] = (out[-1][0] + token, True)
        else:
            out.append((token, False))
    return [token for token, _ in out]


@pytest.mark.parametrize("seed", range(20))
def test_incremental_counts_equal_the_definition(seed):
    rng = random.Random(seed)
    corpus = ["".join(rng.choices("abc", k=rng.randint(0, 9))) for _ in range(30)]
    t = BPETokenizer()
    t.train(corpus, vocab_size=40)
    vocab, merges = plain_training(corpus, 40)
    assert t.merges == merges
    assert t.vocab == vocab
    for word in corpus:
        tokens = t._get_word_tokens(word)
        expected = tokens
        for pair in merges:
            expected = merge(expected, pair)
        assert t._apply_merges(tokens) == expected
        assert t.decode(t.encode(word)) == word


def test_training_does_not_depend_on_the_order_of_the_corpus():
    corpus = ["low", "lower", "newest", "widest", "low"]
    first, second = BPETokenizer(), BPETokenizer()
    first.train(corpus, 40)
    second.train(corpus[::-1], 40)
    assert first.vocab == second.vocab
    assert first.merges == second.merges


def test_a_large_corpus_is_quick():
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 12))) for _ in range(4000)]
    t = BPETokenizer()
    start = time.perf_counter()
    t.train(words, vocab_size=1200)
    assert len(t.vocab) == 1200
    assert time.perf_counter() - start < 30  # recounting would take hours
