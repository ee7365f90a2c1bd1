"""Learning byte-pair merges with incremental pair counts.

The count of a pair is the number of words that hold it, weighted by how often each word occurs. A
merge touches only the words that hold its pair, so training costs about the corpus size plus the
changes, not corpus size times merges.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from itertools import pairwise

Pair = tuple[str, str]


def merge_pair(tokens: list[str], pair: Pair) -> list[str]:
    """`tokens` with every occurrence of `pair`, from the left, joined into one token."""
    merged: list[str] = []
    index, last = 0, len(tokens) - 1
    while index <= last:
        if index < last and (tokens[index], tokens[index + 1]) == pair:
            merged.append(tokens[index] + tokens[index + 1])
            index += 2
        else:
            merged.append(tokens[index])
            index += 1
    return merged


def learn_merges(
    words: list[tuple[list[str], int]], vocabulary: set[str], wanted: int
) -> tuple[list[Pair], list[str]]:
    """(merges in order, the tokens they add to `vocabulary`) until `wanted` tokens are added.

    `words` are (tokens, occurrences). The most frequent pair is merged first, the lexicographically
    smallest among equals.
    """
    index = _PairIndex(words)
    merges: list[Pair] = []
    added: list[str] = []
    known = set(vocabulary)
    while len(added) < wanted:
        pair = index.most_frequent()
        if pair is None:
            break
        index.merge(pair)
        merges.append(pair)
        token = pair[0] + pair[1]
        if token not in known:  # two merges can build one token
            known.add(token)
            added.append(token)
    return merges, added


class _PairIndex:
    """Which words hold which pairs, and a heap of pair counts that may hold outdated entries."""

    def __init__(self, words: list[tuple[list[str], int]]) -> None:
        self.tokens = [tokens for tokens, _ in words]
        self.weights = [weight for _, weight in words]
        self.counts: dict[Pair, int] = defaultdict(int)
        self.holders: dict[Pair, set[int]] = defaultdict(set)
        for word, tokens in enumerate(self.tokens):
            for pair in _pairs(tokens):
                self.counts[pair] += self.weights[word]
                self.holders[pair].add(word)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def most_frequent(self) -> Pair | None:
        while self.heap:
            count, pair = self.heap[0]
            if self.counts.get(pair) == -count:
                return pair
            heapq.heappop(self.heap)
        return None

    def merge(self, pair: Pair) -> None:
        changed: set[Pair] = set()
        for word in list(self.holders[pair]):
            before = _pairs(self.tokens[word])
            self.tokens[word] = merge_pair(self.tokens[word], pair)
            after = _pairs(self.tokens[word])
            for gone in before - after:
                self.counts[gone] -= self.weights[word]
                self.holders[gone].discard(word)
            for new in after - before:
                self.counts[new] += self.weights[word]
                self.holders[new].add(word)
            changed |= before ^ after
        for other in changed:
            count = self.counts[other]
            if count > 0:
                heapq.heappush(self.heap, (-count, other))
            else:
                del self.counts[other], self.holders[other]


def _pairs(tokens: list[str]) -> set[Pair]:
    return set(pairwise(tokens))
