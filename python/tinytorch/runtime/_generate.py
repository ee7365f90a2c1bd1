"""Text generation with a GPT: many requests at once, streamed, with guesses checked in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from ._gpt import GptSession
from ._request import GptRequest
from ._sampling import Sampling, fresh_seed, integer, token_ids
from ._stream import GptTextStream, GptTokenStream

Constraint = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32]], None]
Stop = str | bytes | int | Sequence[int]


class TokenDecoder(Protocol):
    """What turns tokens into text: the bytes of a list of tokens are those of each, joined.

    With `encode`, prompts may be text.
    """

    def decode_bytes(self, ids: Sequence[int], /) -> bytes:
        """Return the bytes that the tokens stand for."""


@dataclass(frozen=True, kw_only=True)
class GenerationOptions(Sampling):
    """What a request asks for: how tokens are chosen (`Sampling`), when it ends, who guesses.

    Args:
        max_new_tokens: ends with "length" after so many; None goes on while there is room.
        stop: what ends the request with "stop", and does not show in it: token ids, sequences of
            them, or text (that may begin and end within tokens); one or a list of these. A plain
            list of integers is a list of tokens each of which ends the request.
        constraint: called before every choice with the tokens so far (prompt included, int64) and
            the logits (vocabulary, float32), after penalty and bias, which it changes in place;
            -inf forbids a token. What it raises ends the request.
        speculate: who guesses tokens that the model then checks many at a time: "draft", the
            generator's draft model; "lookup", what followed the last tokens when they were there
            before; None. The distribution of the text is the same, with temperature 0 the text
            (Leviathan et al. 2023). A seed gives the same text every time, but not that of
            another way to speculate.
        draft_tokens: guesses at a time, 1 to 64.
        ngram: of "lookup": how many last tokens must agree; fewer where so many never do.
    """

    max_new_tokens: int | None = None
    stop: Stop | Sequence[Stop] = ()
    constraint: Constraint | None = None
    speculate: Literal["draft", "lookup"] | None = None
    draft_tokens: int = 4
    ngram: int = 3


class GptGenerator:
    """Generates for many requests at once, which join and leave between steps.

    Each step runs the model once: over the next token of every request that is under way, and over
    pieces of the prompts of those that have joined. A request's tokens depend on the model, its
    prompt and its options alone: not on the other requests, on what of its prompt another one had
    computed, on the pieces, or on the number of threads.

    `submit` and `cancel` may be called by any thread at any time, the rest by one thread at a time
    (else RuntimeError).

    Args:
        session: the model.
        tokenizer: its `decode_bytes(ids) -> bytes` gives texts and finds stop sequences of text;
            its `encode(text) -> ids`, if any, takes prompts of text.
        draft: a smaller model with the same vocabulary, for `speculate="draft"`.
        max_running: requests that are under way at a time; others wait.
        kept: texts of finished requests that are kept beside those under way. Each takes the
            memory of a sequence. A prompt that begins like any text that is there is computed only
            from where they differ.
        capacity: positions of a sequence; all that the model has, if not given.
        prompt_tokens: of all prompts, read per step: fewer let the other requests wait less.
        share_prefixes: whether prompts take over what was computed for others.

    Raises:
        ValueError: a number out of range, a draft with another vocabulary.
    """

    def __init__(
        self,
        session: GptSession,
        *,
        tokenizer: TokenDecoder | None = None,
        draft: GptSession | None = None,
        max_running: int = 8,
        kept: int = 2,
        capacity: int | None = None,
        prompt_tokens: int = 256,
        share_prefixes: bool = True,
    ) -> None:
        if capacity is not None and integer("capacity", capacity) < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._tokenizer = tokenizer
        self._interrupts: list[BaseException] = []
        self._native = _core.runtime.GptGenerator(
            session._native,
            integer("max_running", max_running),
            integer("kept", kept),
            0 if capacity is None else integer("capacity", capacity),
            integer("prompt_tokens", prompt_tokens),
            bool(share_prefixes),
            None if draft is None else draft._native,
            None if tokenizer is None else self._guarded(tokenizer.decode_bytes),
        )

    def submit(
        self,
        prompt: str | Sequence[int] | npt.NDArray[Any],
        options: GenerationOptions | None = None,
        **changes: Any,
    ) -> GptRequest:
        """Queue a request; `step`, `run` and the streams of others advance it.

        Args:
            prompt: token ids, or text if the tokenizer encodes.
            options: what is asked for; the defaults if not given.
            **changes: fields of `options` to replace: `submit(p, temperature=0.8, seed=1)`.

        Raises:
            ValueError: an empty prompt, a token outside the vocabulary, a prompt longer than the
                capacity, an option out of range. Other requests go on.
            TypeError: tokens that are no integers, an unknown option.
        """
        o = replace(options or GenerationOptions(), **changes)
        token_stops, text_stops = _stops(o.stop)
        seed = fresh_seed() if o.seed is None else o.seed
        most = -1 if o.max_new_tokens is None else integer("max_new_tokens", o.max_new_tokens)
        if o.max_new_tokens is not None and most < 0:
            raise ValueError(f"max_new_tokens must not be negative, got {most}")
        native = self._native.submit(
            self._encoded(prompt),
            o._native(seed),
            most,
            [_stop_ids(s) for s in token_stops],
            [s.encode() if isinstance(s, str) else s for s in text_stops],
            None if o.constraint is None else self._guarded(o.constraint),
            o.speculate or "",
            integer("draft_tokens", o.draft_tokens),
            integer("ngram", o.ngram),
        )
        has_text = self._tokenizer is not None
        return GptRequest(native, self, seed, (token_stops, text_stops), has_text)

    def step(self) -> bool:
        """Advance all requests by a step; False when nothing is left to do.

        What fails in one request, its constraint for instance, ends that request alone: look at
        its `error`. Ctrl-C raises KeyboardInterrupt and leaves the requests as they were.
        """
        more = self._native.step()
        if self._interrupts:  # Ctrl-C met a constraint or the tokenizer
            error = self._interrupts[0]
            self._interrupts.clear()
            raise error
        return more

    def run(self) -> None:
        """Step until every request is finished."""
        while self.step():
            pass

    def generate(
        self,
        prompt: str | Sequence[int] | npt.NDArray[Any],
        options: GenerationOptions | None = None,
        **changes: Any,
    ) -> GptRequest:
        """Run a request, as for `submit`, to its end, and the others as far as that takes.

        What its constraint raises is raised here.
        """
        return self.generate_batch([prompt], options, **changes)[0]

    def generate_batch(
        self,
        prompts: Iterable[str | Sequence[int] | npt.NDArray[Any]],
        options: GenerationOptions | None = None,
        **changes: Any,
    ) -> list[GptRequest]:
        """Run a request for each prompt to its end, all with the same options.

        If one fails, the others are finished first. (Its own result every request keeps; to have
        them all, use `submit` and `run`.)
        """
        requests: list[GptRequest] = []
        try:
            for prompt in prompts:
                requests.append(self.submit(prompt, options, **changes))
            while not all(r.finished for r in requests):
                self.step()
        except BaseException:
            for r in requests:
                r.cancel()
            raise
        for r in requests:
            if r.error is not None:
                raise r.error
        return requests

    def stream(
        self,
        prompt: str | Sequence[int] | npt.NDArray[Any],
        options: GenerationOptions | None = None,
        **changes: Any,
    ) -> GptTokenStream:
        """Submit a request and return an iterator over its tokens as they come.

        Every `next` steps as far as it must, all requests together. Tokens that may turn out to
        begin a stop sequence come when they did not. Closing or dropping the iterator cancels the
        request, and so does an exception on the way, Ctrl-C for instance; the generator can be
        used on.
        """
        return GptTokenStream(self.submit(prompt, options, **changes), self.step)

    def stream_text(
        self,
        prompt: str | Sequence[int] | npt.NDArray[Any],
        options: GenerationOptions | None = None,
        **changes: Any,
    ) -> GptTextStream:
        """The same in pieces of text, of whole characters; bytes that are no UTF-8 become U+FFFD.

        Raises:
            ValueError: as for `submit`, or a generator without a tokenizer.
        """
        if self._tokenizer is None:
            raise ValueError("text needs a generator with a tokenizer")
        return GptTextStream(self.submit(prompt, options, **changes), self.step)

    def cancel(self, request: GptRequest | int) -> bool:
        """End a request, given itself or its `id`, with "cancelled".

        False if it is unknown or finished. While another thread is in a step, it ends with that.
        """
        return self._native.cancel(request if isinstance(request, int) else request.id)

    def close(self) -> None:
        """Cancel all requests and free the sequences. The generator can be used on."""
        self._native.close()

    def __enter__(self) -> GptGenerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> int:
        """Requests under way."""
        return self._native.running

    @property
    def waiting(self) -> int:
        """Requests that have not joined yet."""
        return self._native.waiting

    @property
    def capacity(self) -> int:
        """Positions of a sequence."""
        return self._native.capacity

    @property
    def cache_nbytes(self) -> int:
        """Bytes of the keys and values of all sequences made so far."""
        return self._native.cache_nbytes

    def _encoded(self, prompt: Any) -> npt.NDArray[np.int64]:
        if not isinstance(prompt, str):
            return token_ids("a prompt", prompt)
        encode = getattr(self._tokenizer, "encode", None)
        if encode is None:
            raise TypeError("a prompt of text needs a generator with a tokenizer that encodes")
        return token_ids("an encoded prompt", encode(prompt))

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Remembers what must not end as a request's error: Ctrl-C, SystemExit."""
        interrupts = self._interrupts

        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except Exception:
                raise
            except BaseException as error:
                interrupts.append(error)
                raise

        return call


def _stops(stop: Any) -> tuple[list[int | Sequence[int]], list[str | bytes]]:
    """Stop sequences of tokens and of text."""
    each = [stop] if isinstance(stop, (str, bytes)) or _is_integer(stop) else list(stop)
    tokens = [s for s in each if not isinstance(s, (str, bytes))]
    return tokens, [s for s in each if isinstance(s, (str, bytes))]


def _stop_ids(stop: int | Sequence[int]) -> list[int]:
    ids: list[int] = token_ids("a stop sequence", [stop] if _is_integer(stop) else stop).tolist()
    return ids


def _is_integer(value: Any) -> bool:
    try:
        index(value)
    except TypeError:
        return False
    return True
