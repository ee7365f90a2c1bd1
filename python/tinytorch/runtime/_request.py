"""What has come of a request for generated text, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _core

if TYPE_CHECKING:
    from ._generate import GptGenerator


@dataclass(frozen=True)
class GenerationTiming:
    """When a request's tokens came, in seconds.

    Args:
        waiting: from its submission until it joined.
        first_token: from its submission until the first token; NaN without tokens.
        total: from its submission until its end.
        token_times: of each token, from the submission; those of one step come together.
        prompt_tokens: of the prompt, that were computed for it.
    """

    waiting: float
    first_token: float
    total: float
    token_times: npt.NDArray[np.float64] = field(repr=False)
    prompt_tokens: int

    @property
    def between_tokens(self) -> npt.NDArray[np.float64]:
        """Seconds between each token and the next, (tokens - 1,)."""
        return np.diff(self.token_times)

    @property
    def between_p50(self) -> float:
        """The median of these; NaN for fewer than two tokens."""
        return self._between(50)

    @property
    def between_p99(self) -> float:
        """Their 99th percentile."""
        return self._between(99)

    @property
    def prefill_tokens_per_second(self) -> float:
        """Tokens of the prompt that were computed, per second from joining to the first token."""
        return _rate(self.prompt_tokens, self.first_token - self.waiting)

    @property
    def decode_tokens_per_second(self) -> float:
        """Tokens after the first, per second from the first to the last."""
        if len(self.token_times) < 2:
            return float("nan")
        return _rate(len(self.token_times) - 1, self.token_times[-1] - self.token_times[0])

    def _between(self, percent: float) -> float:
        between = self.between_tokens
        return float(np.percentile(between, percent)) if len(between) else float("nan")


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else float("nan")


class GptRequest:
    """A text that a `GptGenerator` generates; any thread may look at it meanwhile."""

    def __init__(
        self,
        native: _core.runtime.GptRequest,
        generator: GptGenerator,
        seed: int,
        stops: tuple[Sequence[Any], Sequence[Any]],
        has_text: bool,
    ) -> None:
        self._native = native
        self._generator = generator
        self._seed = seed
        self._stops = stops
        self._has_text = has_text
        self._error: BaseException | None = None

    @property
    def id(self) -> int:
        """The request's number in its generator."""
        return self._native.id

    @property
    def seed(self) -> int:
        """Of its draws: the one asked for, or the one it was given."""
        return self._seed

    @property
    def prompt_length(self) -> int:
        """Tokens of the prompt."""
        return self._native.prompt_length

    @property
    def tokens(self) -> npt.NDArray[np.int64]:
        """The new tokens so far, (count,), without those that may yet begin a stop sequence."""
        return self._native.tokens()

    @property
    def text(self) -> str:
        """Their text, up to a stop sequence; bytes that are no UTF-8 become U+FFFD.

        Raises:
            ValueError: a generator without a tokenizer.
        """
        if not self._has_text:
            raise ValueError("text needs a generator with a tokenizer")
        return self._native.text().decode("utf-8", errors="replace")

    @property
    def finished(self) -> bool:
        """Whether no tokens will come any more."""
        return self._native.finished

    @property
    def finish_reason(self) -> str | None:
        """Why it ended; None while it has not.

        "stop" (a stop sequence), "length" (max_new_tokens), "capacity" (no room for more),
        "cancelled", or "error" (look at `error`).
        """
        return self._native.status()["finish"] or None

    @property
    def stopped_by(self) -> Any:
        """The stop sequence that was found, as it was given; None if none was."""
        status = self._native.status()
        if status["token_stop"] >= 0:
            return self._stops[0][status["token_stop"]]
        return self._stops[1][status["text_stop"]] if status["text_stop"] >= 0 else None

    @property
    def error(self) -> BaseException | None:
        """What ended it, where the reason is "error"."""
        if self._error is None:
            self._error = self._native.take_error()
        return self._error

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that had been computed for another request when this one joined."""
        return self._native.status()["cached"]

    @property
    def drafted_tokens(self) -> int:
        """Tokens that were guessed."""
        return self._native.status()["drafted"]

    @property
    def accepted_tokens(self) -> int:
        """Guesses that the model agreed with."""
        return self._native.status()["accepted"]

    @property
    def accepted_share(self) -> float:
        """accepted_tokens / drafted_tokens; NaN without guesses."""
        status = self._native.status()
        return status["accepted"] / status["drafted"] if status["drafted"] else float("nan")

    @property
    def timing(self) -> GenerationTiming:
        """When its tokens came."""
        status, times = self._native.status(), self._native.times()
        return GenerationTiming(
            waiting=status["admitted"],
            first_token=float(times[0]) if len(times) else float("nan"),
            total=status["finished"],
            token_times=times,
            prompt_tokens=self.prompt_length - status["cached"],
        )

    def cancel(self) -> bool:
        """End it with "cancelled"; False if it is finished."""
        return self._generator.cancel(self)

    def __repr__(self) -> str:
        state = self.finish_reason or "under way"
        return f"GptRequest(id={self.id}, {len(self.tokens)} tokens, {state})"
