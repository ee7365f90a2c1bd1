"""GptGenerator against generating token by token; what ends requests, and what they tell."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest
from generation_models import Pieces, ids_of, plain, small_session
from hypothesis import given
from hypothesis import strategies as st

from tinytorch import _core
from tinytorch.runtime import GenerationOptions, GptGenerator, Sampling
from tinytorch.text import ByteLevelBPE, Characters

SESSION = small_session()
DRAFT = small_session(7)

SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.7, 1.2]),
    top_k=st.sampled_from([0, 5]),
    top_p=st.sampled_from([1.0, 0.8]),
    min_p=st.sampled_from([0.0, 0.02]),
    repetition_penalty=st.sampled_from([1.0, 1.4]),
    logit_bias=st.sampled_from([None, {3: 2.0, 4: -math.inf}]),
    seed=st.integers(0, 2**64 - 1),
)
# A common beginning, what follows it, and the options.
REQUESTS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 8), SAMPLINGS, st.integers(1, 12)),
    min_size=1,
    max_size=6,
)


@given(
    requests=REQUESTS,
    max_running=st.integers(1, 4),
    kept=st.integers(0, 2),
    prompt_tokens=st.sampled_from([1, 7, 256]),
    share=st.booleans(),
    threads=st.integers(1, 3),
    steps=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_tokens_depend_on_the_request_alone(
    requests: list[tuple[int, int, Sampling, int]],
    max_running: int,
    kept: int,
    prompt_tokens: int,
    share: bool,
    threads: int,
    steps: list[int],
) -> None:
    before = _core.num_threads()
    _core.set_num_threads(threads)
    try:
        generator = GptGenerator(
            SESSION,
            max_running=max_running,
            kept=kept,
            prompt_tokens=prompt_tokens,
            share_prefixes=share,
        )
        going = []
        for i, (common, own, sampling, count) in enumerate(requests):
            prompt = ids_of(common) + ids_of(own, seed=100 + i)
            options = GenerationOptions(**vars(sampling), max_new_tokens=count)
            going.append((prompt, sampling, count, generator.submit(prompt, options)))
            for _ in range(steps[i]):
                generator.step()
        generator.run()
    finally:
        _core.set_num_threads(before)
    for prompt, sampling, count, request in going:
        assert request.tokens.tolist() == plain(SESSION, prompt, count, sampling)
        assert request.finish_reason == "length"
        assert request.tokens.dtype == np.int64
    assert (generator.running, generator.waiting) == (0, 0)


@pytest.mark.parametrize(
    "formats",
    [{"precision": p} for p in ("f32", "bf16", "int8", "int4")] + [{"cache": "int8"}],
    ids=lambda f: "-".join(f.values()),
)
def test_the_same_in_every_number_format(formats: dict[str, str]) -> None:
    session = small_session(**formats)
    generator = GptGenerator(session, prompt_tokens=5, max_running=3)
    prompts = [ids_of(20), [*ids_of(20)[:15], 1, 2], ids_of(9, 4), ids_of(20)]
    requests = generator.generate_batch(prompts, max_new_tokens=9, temperature=0.8, seed=3)
    for prompt, request in zip(prompts, requests, strict=True):
        want = plain(session, prompt, 9, Sampling(temperature=0.8, seed=3))
        assert request.tokens.tolist() == want


def test_a_fresh_seed_is_told_and_repeats() -> None:
    generator = GptGenerator(SESSION)
    one, other = generator.generate_batch([[1, 2]] * 2, max_new_tokens=30)
    assert one.seed != other.seed
    again = generator.generate([1, 2], max_new_tokens=30, seed=one.seed)
    assert again.tokens.tolist() == one.tokens.tolist() != other.tokens.tolist()


def test_ends() -> None:
    session = small_session(max_length=12)
    generator = GptGenerator(session)
    full = generator.generate(ids_of(5), temperature=0)
    assert (full.finish_reason, len(full.tokens)) == ("capacity", 8)
    assert full.tokens.tolist() == plain(session, ids_of(5), 8, Sampling(temperature=0))
    assert generator.generate(ids_of(5), max_new_tokens=8, seed=1).finish_reason == "length"
    assert generator.generate(ids_of(5), max_new_tokens=0).tokens.tolist() == []
    assert len(generator.generate(ids_of(12)).tokens) == 1
    small = GptGenerator(session, capacity=6)
    assert small.capacity == 6
    assert len(small.generate(ids_of(5)).tokens) == 2


def test_stop_tokens_and_sequences() -> None:
    generator = GptGenerator(SESSION)
    all_tokens = generator.generate(ids_of(4), max_new_tokens=30, seed=5).tokens.tolist()

    def stopped(stop: Any) -> tuple[list[int], Any]:
        r = generator.generate(ids_of(4), max_new_tokens=30, seed=5, stop=stop)
        return r.tokens.tolist(), r.stopped_by

    first = all_tokens.index(all_tokens[7])
    unused = next(t for t in range(29) if t not in all_tokens)
    assert stopped(all_tokens[7]) == (all_tokens[:first], all_tokens[7])
    assert stopped(np.int64(all_tokens[7])) == (all_tokens[:first], all_tokens[7])
    assert stopped([all_tokens[7], unused]) == (all_tokens[:first], all_tokens[7])
    pair = all_tokens[10:13]
    at = next(i for i in range(30) if all_tokens[i : i + 3] == pair)
    assert stopped([pair, [unused] * 4]) == (all_tokens[:at], pair)
    assert stopped([[*all_tokens[28:30], unused]]) == (all_tokens, None)
    with pytest.raises(ValueError, match="must not be empty"):
        stopped([[]])
    with pytest.raises(ValueError, match=r"stop sequence must be in \[0, 29\), got 29"):
        stopped(29)
    with pytest.raises(TypeError, match="integers"):
        stopped([[1.5]])
    with pytest.raises(ValueError, match="tokenizer"):
        stopped("a")


@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(1, 3))
def test_text_stops_across_tokens(seed: int, begin: int, length: int) -> None:
    generator = GptGenerator(SESSION, tokenizer=Pieces())
    whole = generator.generate("ab", max_new_tokens=25, seed=seed)
    text = generator.generate("ab", max_new_tokens=25, seed=seed)._native.text()
    assert text == Pieces().decode_bytes(whole.tokens.tolist())
    stop = text[begin : begin + length]
    if not stop:
        return
    request = generator.submit("ab", max_new_tokens=25, seed=seed, stop=[b"\xff", stop])
    shown = b""
    while generator.step():
        now = request._native.text()
        assert now.startswith(shown)
        assert text[: text.index(stop)].startswith(now)
        shown = now
    assert request._native.text() == text[: text.index(stop)]
    assert (request.finish_reason, request.stopped_by) == ("stop", stop)
    kept = request.tokens.tolist()
    assert kept == whole.tokens.tolist()[: len(kept)]
    bytes_kept = Pieces().decode_bytes(kept)
    assert bytes_kept.startswith(text[: text.index(stop)])
    assert len(Pieces().decode_bytes(kept[:-1])) <= text.index(stop)


def test_texts() -> None:
    tokenizer = Pieces()
    generator = GptGenerator(SESSION, tokenizer=tokenizer)
    asked: list[list[int]] = []
    force = [25, 0, 26, 27, 26, 1, 26]

    def forced(tokens: np.ndarray, logits: np.ndarray) -> None:
        asked.append(tokens.tolist())
        wanted = force[len(tokens) - 2]
        logits[np.arange(29) != wanted] = -np.inf

    request = generator.generate("ab", max_new_tokens=7, constraint=forced)
    assert asked[0] == [0, 1]
    assert request.tokens.tolist() == force
    assert request.text == "éaé\ufffdb\ufffd"
    assert sorted(tokenizer.asked) == sorted(set(force))  # each once
    pieces = list(generator.stream_text("ab", max_new_tokens=7, constraint=forced))
    assert pieces == ["é", "a", "é", "\ufffdb", "\ufffd"]
    empty = GptGenerator(SESSION)
    silent = empty.generate([1], max_new_tokens=1)
    with pytest.raises(ValueError, match="tokenizer"):
        str(silent.text)
    with pytest.raises(ValueError, match="tokenizer"):
        empty.stream_text([1])
    with pytest.raises(TypeError, match="tokenizer that encodes"):
        empty.submit("ab")


def test_the_tokenizers_of_this_package() -> None:
    text = "the cat sat on the mat, and the naïve cat saw that the mat was warm. " * 4
    for tokenizer in (ByteLevelBPE.train(text, vocabulary_size=280), Characters(text)):
        size = tokenizer.vocabulary_size
        generator = GptGenerator(small_session(vocabulary=size), tokenizer=tokenizer)
        whole = generator.generate("the cat", max_new_tokens=40, seed=1)
        assert whole.prompt_length == len(tokenizer.encode("the cat"))
        assert whole.text == tokenizer.decode(whole.tokens)
        made = tokenizer.decode_bytes(whole.tokens)
        stop = made[20:22]
        pieces = list(generator.stream_text("the cat", max_new_tokens=40, seed=1, stop=stop))
        assert "".join(pieces) == made[: made.index(stop)].decode(errors="replace")


def test_a_tokenizer_that_fails_ends_its_request() -> None:
    class Bad(Pieces):
        def decode_bytes(self, ids: Any) -> Any:
            return "text" if ids[0] == 3 else super().decode_bytes(ids)

    generator = GptGenerator(SESSION, tokenizer=Bad())
    good = generator.submit([1], max_new_tokens=3, logit_bias={4: 100.0})
    with pytest.raises(TypeError, match="must return bytes"):
        generator.generate([1], logit_bias={3: 100.0})
    generator.run()
    assert good.text == "eee"


def test_what_cannot_be_generated_is_refused_and_the_others_go_on() -> None:
    generator = GptGenerator(SESSION, capacity=20)
    good = generator.submit([1, 2], max_new_tokens=4, seed=1)
    for prompt, options, error, message in [
        ([], {}, ValueError, "at least one token"),
        ([1, 29], {}, ValueError, r"\[0, 29\), got 29"),
        ([-1], {}, ValueError, "got -1"),
        ([1] * 21, {}, ValueError, "21 tokens does not fit into sequences of 20"),
        ([[1]], {}, ValueError, "flat list"),
        ([1.0], {}, TypeError, "integers"),
        ([1], {"max_new_tokens": -1}, ValueError, "max_new_tokens"),
        ([1], {"max_new_tokens": 1.5}, TypeError, "max_new_tokens"),
        ([1], {"top_p": 3.0}, ValueError, "top_p"),
        ([1], {"logit_bias": {29: 1.0}}, ValueError, "logit_bias"),
        ([1], {"speculate": "draft"}, ValueError, "draft model"),
        ([1], {"speculate": "magic"}, ValueError, "unknown way to speculate 'magic'"),
        ([1], {"speculate": "lookup", "draft_tokens": 0}, ValueError, "draft_tokens"),
        ([1], {"speculate": "lookup", "ngram": 0}, ValueError, "ngram"),
        ([1], {"tempreature": 1.0}, TypeError, "tempreature"),
    ]:
        with pytest.raises(error, match=message):
            generator.generate(prompt, **options)
    generator.run()
    assert good.tokens.tolist() == plain(SESSION, [1, 2], 4, Sampling(seed=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_running": 0}, "max_running"),
        ({"kept": -1}, "kept"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 65}, "1 to 64"),
        ({"prompt_tokens": 0}, "prompt_tokens"),
        ({"draft": small_session(vocabulary=28)}, "vocabulary"),
    ],
)
def test_generators_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GptGenerator(SESSION, **options)


def test_a_constraint_that_fails_ends_its_request_alone() -> None:
    generator = GptGenerator(SESSION)
    kept: list[np.ndarray] = []

    def failing(tokens: np.ndarray, logits: np.ndarray) -> None:
        kept.append(logits)
        if len(tokens) == 5:
            raise KeyError("enough")

    other = generator.submit([1, 2], max_new_tokens=6, seed=1)
    with pytest.raises(KeyError, match="enough"):
        generator.generate([1, 2], constraint=failing)
    failed = generator.submit([1, 2], constraint=failing)
    generator.run()
    assert failed.finish_reason == "error"
    assert isinstance(failed.error, KeyError)
    assert failed.error is failed.error
    assert len(failed.tokens) == 3
    assert other.tokens.tolist() == plain(SESSION, [1, 2], 6, Sampling(seed=1))
    assert all(np.isfinite(x).all() for x in kept)  # what it kept is its own
    with pytest.raises(TypeError, match="in place and returns None"):
        generator.generate([1], constraint=lambda tokens, logits: logits)
    with pytest.raises(ValueError, match="no token is allowed"):
        generator.generate([1], constraint=lambda tokens, logits: logits.fill(-np.inf))
    with pytest.raises(RuntimeError, match="is in a step"):
        generator.generate([1], constraint=lambda tokens, logits: generator.run())


def test_a_constraint_may_submit_and_cancel() -> None:
    generator = GptGenerator(SESSION)
    made: list[Any] = []

    def nosy(tokens: np.ndarray, logits: np.ndarray) -> None:
        if len(tokens) == 3:
            made.append(generator.submit([5], max_new_tokens=2))
            outer.cancel()

    outer = generator.submit([1, 2], constraint=nosy)
    generator.run()
    assert (outer.finish_reason, len(outer.tokens)) == ("cancelled", 2)
    assert len(made[0].tokens) == 2


def test_prefixes_are_computed_once() -> None:
    generator = GptGenerator(SESSION, prompt_tokens=10, kept=1)
    common = ids_of(40)
    together = [
        generator.submit([*common, t], max_new_tokens=2, seed=t, temperature=0.5) for t in range(4)
    ]
    generator.run()
    assert [r.cached_tokens for r in together] == [0, 40, 40, 40]
    for t, r in enumerate(together):
        want = plain(SESSION, [*common, t], 2, Sampling(temperature=0.5, seed=t))
        assert r.tokens.tolist() == want
    assert generator.generate(common[:30], max_new_tokens=1).cached_tokens == 29
    private = GptGenerator(SESSION, share_prefixes=False)
    assert [r.cached_tokens for r in private.generate_batch([common] * 2, max_new_tokens=1)] == [
        0,
        0,
    ]


def test_memory_is_that_of_the_requests_at_a_time_and_those_kept() -> None:
    one = SESSION.sequence().nbytes
    generator = GptGenerator(SESSION, max_running=3, kept=1)
    assert generator.cache_nbytes == 0
    for i in range(4):
        generator.generate(ids_of(5, i), max_new_tokens=2)
    assert generator.cache_nbytes == 2 * one
    generator.generate_batch([ids_of(5, i) for i in range(9)], max_new_tokens=2)
    assert generator.cache_nbytes == 4 * one
    with generator:
        going = generator.submit([1])
        generator.step()
    assert generator.cache_nbytes == 0
    assert going.finish_reason == "cancelled"
    assert len(generator.generate([1], max_new_tokens=2).tokens) == 2  # usable on


def test_timing_adds_up() -> None:
    generator = GptGenerator(SESSION, max_running=1)
    first, second = (generator.submit(ids_of(9, s), max_new_tokens=6) for s in (1, 2))
    generator.run()
    for r in (first, second):
        t = r.timing
        assert len(t.token_times) == 6
        assert 0 <= t.waiting <= t.first_token == t.token_times[0]
        assert (np.diff(t.token_times) >= 0).all()
        assert t.token_times[-1] <= t.total
        assert t.prompt_tokens == 9
        assert t.between_p50 == pytest.approx(np.median(np.diff(t.token_times)))
        assert t.between_p50 <= t.between_p99 <= t.between_tokens.max()
        assert t.prefill_tokens_per_second == pytest.approx(9 / (t.first_token - t.waiting))
        assert t.decode_tokens_per_second == pytest.approx(
            5 / (t.token_times[-1] - t.token_times[0])
        )
    assert second.timing.waiting >= first.timing.total - first.timing.waiting - 1
    none = generator.generate([1], max_new_tokens=0).timing
    assert math.isnan(none.first_token)
    assert math.isnan(none.between_p50)
    assert math.isnan(none.decode_tokens_per_second)


def test_nothing_holds_on_to_finished_requests() -> None:
    generator = GptGenerator(SESSION)

    class Hook:
        def __call__(self, tokens: np.ndarray, logits: np.ndarray) -> None: ...

    hook = Hook()
    gone = weakref.ref(hook)
    request = generator.generate([1], max_new_tokens=2, constraint=hook)
    del hook
    gc.collect()
    assert gone() is None
    assert len(request.tokens) == 2
    session = small_session()
    generator, alive = GptGenerator(session), weakref.ref(session)
    del session
    assert len(generator.generate([1], max_new_tokens=3).tokens) == 3
    assert alive() is None  # the generator needs its engine only


def test_repr_tells_the_state() -> None:
    generator = GptGenerator(SESSION)
    request = generator.submit([1], max_new_tokens=2)
    assert repr(request) == "GptRequest(id=0, 0 tokens, under way)"
    generator.run()
    assert repr(request) == "GptRequest(id=0, 2 tokens, length)"
