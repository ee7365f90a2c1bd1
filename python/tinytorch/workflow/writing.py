"""Texts of any length: where a sequence is full, its last half begins the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..runtime import GptGenerator, GptRequest
from ..text import TextTokenizer


class Writing(Iterator[str]):
    """The text that follows a prompt, in pieces as they come.

    Args:
        generator: with a tokenizer; one request at a time is its.
        tokenizer: the same one.
        prompt: text; of a longer one than a sequence holds, the end is read.
        tokens: new tokens at most.
        options: those of `GenerationOptions`. Stop sequences are looked for within a sequence.

    Attributes:
        requests: those that were made, the last one perhaps under way.
        text: what came so far.
    """

    def __init__(
        self,
        generator: GptGenerator,
        tokenizer: TextTokenizer,
        prompt: str,
        tokens: int,
        **options: Any,
    ) -> None:
        self._generator, self._options = generator, options
        self._read = np.asarray(tokenizer.encode(prompt))
        if not len(self._read):
            raise ValueError("the prompt must not be empty: a model goes on with something")
        self._left = tokens
        self.requests: list[GptRequest] = []
        self.text = ""
        self._begin()

    def __next__(self) -> str:
        while True:
            try:
                piece = next(self._pieces)
            except StopIteration:
                if not self._go_on():
                    raise
                continue
            self.text += piece
            return piece

    def close(self) -> None:
        """End it with what there is."""
        self._pieces.close()
        self._left = 0

    @property
    def tokens(self) -> int:
        """New tokens so far."""
        return sum(len(r.tokens) for r in self.requests)

    def facts(self) -> dict[str, Any]:
        """How it ended and how fast it came; None for what too short a text does not tell."""
        times = [r.timing.token_times for r in self.requests]
        between = np.concatenate([np.diff(t) for t in times])
        written = sum(t[-1] - t[0] for t in times if len(t) > 1)
        drafted = sum(r.drafted_tokens for r in self.requests)
        accepted = sum(r.accepted_tokens for r in self.requests)
        return {
            "tokens": self.tokens,
            "finish_reason": self.requests[-1].finish_reason,
            "seed": self.requests[0].seed,
            "first_token_s": float(times[0][0]) if len(times[0]) else None,
            "between_tokens_p50_s": float(np.percentile(between, 50)) if len(between) else None,
            "between_tokens_p99_s": float(np.percentile(between, 99)) if len(between) else None,
            "tokens_per_s": len(between) / written if written > 0 else None,
            "accepted_share": accepted / drafted if drafted else None,
        }

    def _begin(self) -> None:
        room = self._generator.capacity
        half = max(1, room // 2)
        if len(self._read) >= room:
            self._read = self._read[-half:]
        changes = dict(self._options)
        if self.requests and changes.get("seed") is not None:
            changes["seed"] = (changes["seed"] + len(self.requests)) % 2**64
        self._pieces = self._generator.stream_text(self._read, max_new_tokens=self._left, **changes)
        self.requests.append(self._pieces.request)

    def _go_on(self) -> bool:
        """Whether a full sequence is followed by another one."""
        last = self.requests[-1]
        self._left -= len(last.tokens)
        if last.finish_reason != "capacity" or self._left < 1:
            return False
        self._read = np.concatenate([self._read, last.tokens])[
            -max(1, self._generator.capacity // 2) :
        ]
        self._begin()
        return True
