"""Text to token ids and back: by character, or by byte-pair encoding (Sennrich et al. 2016)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ._bpe import learn_merges, merge_pair
from .tensor import Tensor

KB_TO_BYTES = 1024

UNKNOWN = "<UNK>"
END_OF_WORD = "</w>"


class Tokenizer:
    """Base class: `encode` text to a list of ids, `decode` ids to text."""

    def encode(self, text: str) -> list[int]:
        raise NotImplementedError(f"{type(self).__name__} must define encode(text)")

    def decode(self, tokens: Iterable[Any]) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define decode(tokens)")


class CharTokenizer(Tokenizer):
    """One id per character; id 0 stands for every unknown one."""

    unk_id = 0

    def __init__(self, vocab: Iterable[str] | None = None) -> None:
        self._set_vocab(vocab or [])

    def _set_vocab(self, characters: Iterable[str]) -> None:
        self.unk_id = 0
        self.vocab = [UNKNOWN, *characters]
        self.vocab_size = len(self.vocab)
        self.char_to_id = {char: index for index, char in enumerate(self.vocab)}
        self.id_to_char = dict(enumerate(self.vocab))

    def build_vocab(self, corpus: Iterable[str]) -> None:
        """Replace the vocabulary by the sorted distinct characters of the texts."""
        self._set_vocab(sorted(set().union(*corpus)))

    def encode(self, text: str) -> list[int]:
        get, unknown = self.char_to_id.get, self.unk_id
        return [get(char, unknown) for char in text]

    def decode(self, tokens: Iterable[Any]) -> str:
        get = self.id_to_char.get
        return "".join(get(int(token), UNKNOWN) for token in tokens)


class BPETokenizer(Tokenizer):
    """Byte-pair encoding: frequent neighbours are merged into longer tokens.

    A word's last token carries the marker "</w>". Equally frequent pairs are merged in
    lexicographic order, so the same corpus always gives the same tokenizer.
    """

    def __init__(self, vocab_size: int = 1000) -> None:
        self.vocab_size = vocab_size
        self.vocab: list[str] = []
        self.merges: list[tuple[str, str]] = []
        self.token_to_id: dict[str, int] = {}
        self.id_to_token: dict[int, str] = {}
        self._ranks_of: list[tuple[str, str]] = []
        self._ranks: dict[tuple[str, str], list[int]] = {}

    def train(self, corpus: Iterable[str], vocab_size: int | None = None) -> None:
        """Learn merges from `corpus`, each string one word, until `vocab_size` tokens exist."""
        if vocab_size is not None:
            self.vocab_size = vocab_size
        words = Counter(corpus)
        tokens = {word: self._get_word_tokens(word) for word in words}
        alphabet = set().union(*tokens.values())
        self.vocab = sorted(alphabet | {UNKNOWN}, key=lambda token: (token != UNKNOWN, token))
        counts = [(tokens[word], count) for word, count in words.items()]
        self.merges, new = learn_merges(counts, set(self.vocab), self.vocab_size - len(self.vocab))
        self.vocab += new
        self._build_mappings()

    def _get_word_tokens(self, word: str) -> list[str]:
        """The characters of `word`, the last with the end marker."""
        return [*word[:-1], word[-1] + END_OF_WORD] if word else []

    def _get_pairs(self, word_tokens: list[str]) -> set[tuple[str, str]]:
        return set(pairwise(word_tokens))

    def _build_mappings(self) -> None:
        self.token_to_id = {token: index for index, token in enumerate(self.vocab)}
        self.id_to_token = dict(enumerate(self.vocab))

    def _apply_merges(self, tokens: list[str]) -> list[str]:
        """`tokens` after all merges, in the order they were learnt."""
        return self._merged(list(tokens), self._current_ranks())

    def _current_ranks(self) -> dict[tuple[str, str], list[int]]:
        if self._ranks_of != self.merges:
            self._ranks_of = list(self.merges)
            self._ranks = {}
            for rank, pair in enumerate(self.merges):
                self._ranks.setdefault((pair[0], pair[1]), []).append(rank)
        return self._ranks

    @staticmethod
    def _merged(tokens: list[str], ranks: dict[tuple[str, str], list[int]]) -> list[str]:
        # Always the earliest merge that comes after the last one and applies: the same as trying
        # every merge in turn, without looking at those whose pair isn't there.
        last = -1
        while len(tokens) > 1:
            best, pair = None, None
            for candidate in set(pairwise(tokens)):
                known = ranks.get(candidate)
                if known is None or known[-1] <= last:
                    continue
                rank = known[bisect_right(known, last)]
                if best is None or rank < best:
                    best, pair = rank, candidate
            if best is None or pair is None:
                break
            tokens, last = merge_pair(tokens, pair), best
        return tokens

    def encode(self, text: str) -> list[int]:
        """Ids of the words of `text` (split at white space); unknown tokens give 0."""
        if not self.token_to_id:
            return []
        ranks, known = self._current_ranks(), {}
        ids: list[int] = []
        for word in text.split():
            if word not in known:
                tokens = self._merged(self._get_word_tokens(word), ranks)
                known[word] = [self.token_to_id.get(token, 0) for token in tokens]
            ids += known[word]
        return ids

    def decode(self, tokens: Iterable[Any]) -> str:
        """The words of the ids, separated by single spaces."""
        if not self.id_to_token:
            return ""
        text = "".join(self.id_to_token.get(int(token), UNKNOWN) for token in tokens)
        return " ".join(text.replace(END_OF_WORD, " ").split())


__all__ = ["KB_TO_BYTES", "BPETokenizer", "CharTokenizer", "Tensor", "Tokenizer"]
