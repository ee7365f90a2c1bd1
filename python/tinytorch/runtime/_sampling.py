"""How a token is chosen from a language model's logits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a token is chosen from logits: filters in the order of this list, then a draw.

    Of equally likely tokens the smaller ones are kept. The draw is a function of the seed and of
    the token's place in its text alone.

    Args:
        repetition_penalty: of every token that was there before, in the prompt or after it, a
            positive logit is divided by this and a negative one multiplied (Keskar et al. 2019);
            above 0, 1 changes nothing.
        logit_bias: what is added to the logits of tokens; -inf forbids one.
        temperature: divides the logits; 0 takes the likeliest token, and nothing below applies.
        top_k: keeps the k likeliest tokens (Fan et al. 2018); 0 keeps all.
        top_p: keeps the fewest likeliest tokens whose probabilities, of what top-k kept, sum to at
            least p (Holtzman et al. 2020); in [0, 1].
        min_p: keeps the tokens that are at least min_p times as likely as the likeliest (Nguyen et
            al. 2024); in [0, 1].
        seed: of the draws, below 2**64; None takes another one for every request.

    Raises:
        ValueError: an option out of its range, or NaN.
        TypeError: an option that is no number.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        self._native(0)

    def _native(self, seed: int | None = None) -> _core.runtime.SamplingOptions:
        """The engine's options; with `seed` where these have none."""
        if self.seed is not None:
            seed = integer("seed", self.seed)
            if not 0 <= seed < 2**64:
                raise ValueError(f"seed must be in [0, 2**64), got {seed}")
        bias = {} if self.logit_bias is None else dict(self.logit_bias)
        return _core.runtime.SamplingOptions(
            _number("temperature", self.temperature),
            integer("top_k", self.top_k),
            _number("top_p", self.top_p),
            _number("min_p", self.min_p),
            _number("repetition_penalty", self.repetition_penalty),
            {integer("a token of logit_bias", t): _number("a bias", b) for t, b in bias.items()},
            fresh_seed() if seed is None else seed,
        )

    def probabilities(
        self, logits: npt.ArrayLike, tokens: Sequence[int] | npt.NDArray[Any] = ()
    ) -> npt.NDArray[np.float64]:
        """Return what the draw is from: the probability of each token, (vocabulary,).

        Args:
            logits: of the next token, (vocabulary,).
            tokens: the text before it, for the repetition penalty.

        Raises:
            ValueError: a token outside the vocabulary, a logit that is NaN or +inf, or no token
                that is allowed.
        """
        return self._native(0).probabilities(logits, token_ids("tokens", tokens))

    def sample(
        self,
        logits: npt.ArrayLike,
        tokens: Sequence[int] | npt.NDArray[Any] = (),
        place: int = 0,
    ) -> int:
        """Return a token: the one that a request gets as its new token number `place`, from 0."""
        if place < 0:
            raise ValueError(f"place must not be negative, got {place}")
        return self._native().sample(logits, token_ids("tokens", tokens), place)


def fresh_seed() -> int:
    return secrets.randbits(64)


def token_ids(what: str, tokens: Any) -> npt.NDArray[np.int64]:
    """Token ids (count,) of a list or an array; TypeError for what is no integer."""
    ids = np.asarray(tokens)
    if ids.ndim != 1:
        raise ValueError(f"{what} must be a flat list of token ids, got shape {ids.shape}")
    if ids.size and ids.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, got {ids.dtype}")
    return ids.astype(np.int64)


def _number(name: str, value: Any) -> float:
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def integer(name: str, value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
