"""Speculative decoding: the distribution of the plain text, and with temperature 0 the text."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
import pytest
from generation_models import ids_of, plain, small_session
from hypothesis import given
from hypothesis import strategies as st
from test_sampling import chi_square

from tinytorch.runtime import GptGenerator, GptSession, Sampling

VOCABULARY = 4
TINY = small_session(vocabulary=VOCABULARY, max_length=16, sharp=0.5)
TINY_DRAFT = small_session(5, vocabulary=VOCABULARY, max_length=16, sharp=0.5)
PROMPT = [0, 3, 2, 3, 2, 2, 3, 2]  # every token was there before: look-up always guesses


def exact(session: GptSession, length: int, sampling: Sampling) -> np.ndarray:
    """The probability of every text of `length` tokens after PROMPT, (vocabulary,) * length."""
    p = np.ones((VOCABULARY,) * length)
    for n in range(length):
        for text in itertools.product(range(VOCABULARY), repeat=n):
            logits = session.append([session.sequence()], [[*PROMPT, *text]])[0]
            p[text] *= sampling.probabilities(logits, [*PROMPT, *text]).reshape(
                -1, *[1] * (length - n - 1)
            )
    return p


@pytest.mark.parametrize("speculate", ["draft", "lookup"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 1.6},
        {"temperature": 0.8, "top_k": 3},
        {"top_p": 0.8, "repetition_penalty": 1.5},
        {"min_p": 0.2, "logit_bias": {1: 0.5}},
    ],
)
def test_texts_have_the_distribution_of_plain_sampling(
    speculate: Literal["draft", "lookup"], options: dict[str, Any]
) -> None:
    n, length = 8000, 3
    generator = GptGenerator(TINY, draft=TINY_DRAFT, max_running=200)
    requests = [
        generator.submit(
            PROMPT, max_new_tokens=length, seed=seed, speculate=speculate, draft_tokens=2, **options
        )
        for seed in range(n)
    ]
    generator.run()
    p = exact(TINY, length, Sampling(**options)).ravel()
    texts = np.stack([r.tokens for r in requests])
    codes = texts @ VOCABULARY ** np.arange(length)[::-1]
    counts = np.bincount(codes, minlength=p.size)
    assert not counts[p == 0].any()
    statistic, bound = chi_square(counts, p)
    assert statistic < bound
    drafted = sum(r.drafted_tokens for r in requests)
    accepted = sum(r.accepted_tokens for r in requests)
    assert 0.05 * drafted < accepted < 0.95 * drafted  # both ways were taken, often


def test_the_share_of_accepted_guesses_is_the_overlap_of_the_distributions() -> None:
    n = 6000
    generator = GptGenerator(TINY, draft=TINY_DRAFT, max_running=200)
    options: dict[str, Any] = {"max_new_tokens": 3, "speculate": "draft", "draft_tokens": 1}
    requests = [generator.submit(PROMPT, seed=s, **options) for s in range(n)]
    generator.run()
    # The second token is guessed, and the third comes with it or alone.
    first = exact(TINY, 1, Sampling())
    overlap = 0.0
    for t in range(VOCABULARY):
        p, q = (
            Sampling().probabilities(s.append([s.sequence()], [[*PROMPT, t]])[0])
            for s in (TINY, TINY_DRAFT)
        )
        overlap += first[t] * np.minimum(p, q).sum()
    share = sum(r.accepted_tokens for r in requests) / sum(r.drafted_tokens for r in requests)
    assert share == pytest.approx(overlap, abs=4 * math.sqrt(overlap * (1 - overlap) / n))


SESSION, OTHER = small_session(), small_session(3)
SHORT = small_session(3, max_length=20)


@given(
    seed=st.integers(0, 1000),
    speculate=st.sampled_from(["draft", "lookup"]),
    draft=st.sampled_from([SESSION, OTHER, SHORT]),
    draft_tokens=st.integers(1, 9),
    ngram=st.integers(1, 4),
    length=st.integers(1, 30),
    penalty=st.sampled_from([1.0, 1.3]),
    most=st.sampled_from([30, 2, None]),
    stop=st.lists(st.integers(0, 28), max_size=2),
)
def test_greedy_texts_are_identical(
    seed: int,
    speculate: Literal["draft", "lookup"],
    draft: GptSession,
    draft_tokens: int,
    ngram: int,
    length: int,
    penalty: float,
    most: int | None,
    stop: list[int],
) -> None:
    generator = GptGenerator(SESSION, draft=draft)
    prompt = ids_of(length, seed)
    options: dict[str, Any] = {
        "temperature": 0, "max_new_tokens": most, "repetition_penalty": penalty, "stop": stop,
    }  # fmt: skip
    calls: list[list[int]] = []

    def watch(tokens: np.ndarray, logits: np.ndarray) -> None:
        calls.append(tokens.tolist())

    want = generator.generate(prompt, **options)
    got = generator.generate(
        prompt,
        speculate=speculate,
        draft_tokens=draft_tokens,
        ngram=ngram,
        constraint=watch,
        **options,
    )
    assert got.tokens.tolist() == want.tokens.tolist()
    assert (got.finish_reason, got.stopped_by) == (want.finish_reason, want.stopped_by)
    # The constraint saw each beginning of the text once, and nothing beyond its end.
    assert [len(c) for c in calls] == list(range(length, length + len(calls)))
    assert calls[-1][: length + len(got.tokens)] == (prompt + got.tokens.tolist())[: len(calls[-1])]
    if speculate == "draft" and draft is SESSION and not stop:
        assert got.accepted_share == pytest.approx(1) or got.drafted_tokens == 0


@pytest.mark.parametrize("speculate", ["draft", "lookup"])
def test_a_seed_repeats_its_text_alone_in_company_and_cached(
    speculate: Literal["draft", "lookup"],
) -> None:
    options: dict[str, Any] = {"speculate": speculate, "max_new_tokens": 25, "temperature": 0.9}
    prompts = [ids_of(18)[: 3 + 3 * s] for s in range(6)]
    alone = [
        GptGenerator(SESSION, draft=OTHER).generate(p, seed=s, **options).tokens.tolist()
        for s, p in enumerate(prompts)
    ]
    for chunk, kept in ((4, 0), (256, 3)):
        generator = GptGenerator(SESSION, draft=OTHER, prompt_tokens=chunk, kept=kept)
        for s, p in enumerate(prompts):  # texts without guesses before, for their prefixes
            generator.submit(p, seed=s, max_new_tokens=3)
        requests = [generator.submit(p, seed=s, **options) for s, p in enumerate(prompts)]
        generator.run()
        assert [r.tokens.tolist() for r in requests] == alone
        assert any(r.cached_tokens for r in requests)


def test_a_model_agrees_with_itself_and_look_up_with_repetition() -> None:
    generator = GptGenerator(SESSION, draft=SESSION)
    own = generator.generate(ids_of(5), seed=1, max_new_tokens=30, speculate="draft")
    assert own.accepted_share == 1
    forced = {"logit_bias": {7: 200.0}, "temperature": 0, "max_new_tokens": 30}
    repeated = generator.generate([7, 7, 7], speculate="lookup", **forced)
    assert repeated.tokens.tolist() == [7] * 30
    assert repeated.accepted_tokens == repeated.drafted_tokens > 20
    without = generator.generate([7, 7, 7], **forced)
    assert math.isnan(without.accepted_share)
    assert without.tokens.tolist() == plain(SESSION, [7, 7, 7], 30, Sampling(
        temperature=0, logit_bias={7: 200.0}
    ))  # fmt: skip
