"""Module 10: character and byte-pair tokenizers in plain Python, beside the package's."""

# %%
import copy
import json
import pickle
from collections import Counter

import numpy as np

from tinytorch.core import tokenization as package
from tinytorch.core.tensor import Tensor


# %%
class Tokenizer:
    def encode(self, text):
        raise NotImplementedError

    def decode(self, tokens):
        raise NotImplementedError


class CharTokenizer(Tokenizer):
    def __init__(self, vocab=None):
        if vocab is None:
            vocab = []
        self.set_vocab(vocab)

    def set_vocab(self, chars):
        self.vocab = ["<UNK>", *chars]
        self.vocab_size = len(self.vocab)
        self.char_to_id = {char: i for i, char in enumerate(self.vocab)}
        self.id_to_char = dict(enumerate(self.vocab))
        self.unk_id = 0

    def build_vocab(self, corpus):
        self.set_vocab(sorted(set("".join(corpus))))

    def encode(self, text):
        return [self.char_to_id.get(char, self.unk_id) for char in text]

    def decode(self, tokens):
        return "".join(self.id_to_char.get(int(t), "<UNK>") for t in tokens)


class BPETokenizer(Tokenizer):
    def __init__(self, vocab_size=1000):
        self.vocab_size = vocab_size
        self.vocab, self.merges = [], []
        self.token_to_id, self.id_to_token = {}, {}

    def _get_word_tokens(self, word):
        if not word:
            return []
        tokens = list(word)
        tokens[-1] += "</w>"
        return tokens

    def _get_pairs(self, word_tokens):
        return {(word_tokens[i], word_tokens[i + 1]) for i in range(len(word_tokens) - 1)}

    def train(self, corpus, vocab_size=None):
        if vocab_size:
            self.vocab_size = vocab_size
        frequency = Counter(corpus)
        words = {word: self._get_word_tokens(word) for word in frequency}
        self.vocab = sorted({t for tokens in words.values() for t in tokens})
        if "<UNK>" not in self.vocab:
            self.vocab = ["<UNK>", *self.vocab]
        self.merges = []
        while len(self.vocab) < self.vocab_size:
            counts = Counter()
            for word, tokens in words.items():
                for pair in self._get_pairs(tokens):
                    counts[pair] += frequency[word]
            if not counts:
                break
            highest = max(counts.values())
            best = min(pair for pair, count in counts.items() if count == highest)
            words = {word: self.merge(tokens, best) for word, tokens in words.items()}
            if best[0] + best[1] not in self.vocab:
                self.vocab.append(best[0] + best[1])
            self.merges.append(best)
        self._build_mappings()

    @staticmethod
    def merge(tokens, pair):
        out, i = [], 0
        while i < len(tokens):
            if i < len(tokens) - 1 and (tokens[i], tokens[i + 1]) == pair:
                out.append(tokens[i] + tokens[i + 1])
                i += 2
            else:
                out.append(tokens[i])
                i += 1
        return out

    def _build_mappings(self):
        self.token_to_id = {token: i for i, token in enumerate(self.vocab)}
        self.id_to_token = dict(enumerate(self.vocab))

    def _apply_merges(self, tokens):
        for pair in self.merges:
            tokens = self.merge(tokens, pair)
        return tokens

    def encode(self, text):
        if not self.vocab:
            return []
        ids = []
        for word in text.split():
            for token in self._apply_merges(self._get_word_tokens(word)):
                ids.append(self.token_to_id.get(token, 0))
        return ids

    def decode(self, tokens):
        text = "".join(self.id_to_token.get(int(t), "<UNK>") for t in tokens)
        return " ".join(text.replace("</w>", " ").split())


# %%
TEXTS = [
    "hello world", "the quick brown fox", "hello hello", "Grüße, 世界! 🎉", "", " a  b\n\tc ",
    "aaaa aaa aa a", "<UNK> </w>", "xyz" * 50,
]  # fmt: skip
CORPORA = [
    ["hello", "hello", "hell", "help", "world", "word"],
    ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3,
    ["aaaa", "aaa", "abab"],
    ["hello world", "hello there world"],
    ["x"],
    ["", "ab"],
]


def test_base_class():
    for cls in (Tokenizer, package.Tokenizer):
        for call in (lambda t: t.encode("a"), lambda t: t.decode([1])):
            try:
                call(cls())
            except NotImplementedError:
                continue
            raise AssertionError("the base class encodes nothing")
    assert issubclass(package.CharTokenizer, package.Tokenizer)
    assert issubclass(package.BPETokenizer, package.Tokenizer)


def test_unit_char_tokenizer():
    for vocab in (None, [], ["h", "e", "l", "o", " "], list("abc")):
        own, other = CharTokenizer(vocab), package.CharTokenizer(vocab)
        for corpus in (None, *CORPORA, TEXTS):
            if corpus is not None:
                own.build_vocab(corpus)
                other.build_vocab(corpus)
            assert vars(own).items() <= vars(other).items()
            for text in TEXTS:
                ids = other.encode(text)
                assert ids == own.encode(text)
                assert isinstance(ids, list)
                assert all(type(i) is int for i in ids)
                assert other.decode(ids) == own.decode(ids)
                floats = Tensor(ids).data
                assert other.decode(floats) == own.decode(floats)
                assert other.decode(np.array(ids, dtype=np.int64)) == own.decode(ids)
    assert other.decode(other.encode(TEXTS[3])) == TEXTS[3]
    assert other.decode([10_000, -1]) == "<UNK><UNK>"
    assert type(other.vocab_size) is int


def test_unit_bpe_tokenizer():
    for corpus in CORPORA:
        for size in (3, 10, 20, 100):
            own, other = BPETokenizer(size), package.BPETokenizer(size)
            assert other.encode("hello") == []
            assert other.decode([1, 2]) == ""
            own.train(corpus)
            other.train(corpus)
            assert other.merges == own.merges, (corpus, size)
            assert other.vocab == own.vocab
            assert other.token_to_id == own.token_to_id
            assert other.id_to_token == own.id_to_token
            for text in TEXTS:
                assert other.encode(text) == own.encode(text)
                assert other.decode(own.encode(text)) == own.decode(own.encode(text))
                tokens = own._get_word_tokens(text)
                assert other._get_word_tokens(text) == tokens
                assert other._get_pairs(tokens) == own._get_pairs(tokens)
                assert other._apply_merges(tokens) == own._apply_merges(tokens)
    other = package.BPETokenizer(vocab_size=5)
    other.train(["abcabc"] * 3, vocab_size=9)
    assert other.vocab_size == 9
    assert len(other.vocab) <= 9
    assert other.decode(other.encode("abcabc")) == "abcabc"


# %% [markdown]
# ## Idioms: edited tables, subclasses, saving, tensors of ids
def test_idioms():
    own, other = BPETokenizer(), package.BPETokenizer()
    for tokenizer in (own, other):
        tokenizer.vocab = ["<UNK>", "a", "b</w>", "ab</w>"]
        tokenizer.merges = [("a", "b</w>")]
        tokenizer._build_mappings()
    assert other.encode("ab b ba") == own.encode("ab b ba") == [3, 2, 0, 0]
    other.merges.append(("x", "y</w>"))
    assert other._apply_merges(["x", "y</w>"]) == ["xy</w>"]

    class Lowercase(package.CharTokenizer):
        def encode(self, text):
            return super().encode(text.lower())

    lower = Lowercase(list("abc"))
    assert lower.encode("ABC") == [1, 2, 3]
    for clone in (copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        assert clone.encode("ab") == other.encode("ab")
    saved = json.loads(json.dumps({"vocab": other.vocab, "merges": other.merges}))
    loaded = package.BPETokenizer()
    loaded.vocab, loaded.merges = saved["vocab"], [tuple(m) for m in saved["merges"]]
    loaded._build_mappings()
    assert loaded.encode("ab") == other.encode("ab")
    batch = Tensor([lower.encode("abca"), lower.encode("cbaz")])
    assert batch.shape == (2, 4)
    assert [lower.decode(row.data) for row in batch] == ["abca", "cba<UNK>"]


def tokenize_dataset(texts, tokenizer, max_length=None):
    encoded = [tokenizer.encode(text)[:max_length] for text in texts]
    width = max(map(len, encoded))
    return np.array([ids + [0] * (width - len(ids)) for ids in encoded])


def test_module():
    test_base_class()
    test_unit_char_tokenizer()
    test_unit_bpe_tokenizer()
    test_idioms()
    tokenizer = package.CharTokenizer()
    tokenizer.build_vocab(TEXTS)
    ids = tokenize_dataset(TEXTS, tokenizer, 20)
    assert ids.shape == (len(TEXTS), 20)
    print(f"average length: {np.mean([len(tokenizer.encode(t)) for t in TEXTS]):.1f}")
    print("module 10: all checks passed")


if __name__ == "__main__":
    test_module()
