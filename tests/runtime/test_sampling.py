"""Sampling against NumPy's sort and cumulative sum, and draws against the distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.runtime import Sampling


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def expected(logits: np.ndarray, o: Sampling, tokens: Any = ()) -> np.ndarray:
    """Probabilities in float64: one filter after the other, by sorting."""
    x = logits.astype(np.float64)
    for t in set(tokens):
        x[t] = x[t] / o.repetition_penalty if x[t] > 0 else x[t] * o.repetition_penalty
    for t, b in (o.logit_bias or {}).items():
        x[t] += b
    order = np.argsort(-x, kind="stable")
    if o.temperature == 0:
        return np.eye(len(x))[order[0]]
    p = softmax(x / o.temperature)
    if o.top_k:
        p[order[o.top_k :]] = 0
        p /= p.sum()
    if o.top_p < 1:
        before = np.cumsum(p[order]) - p[order]
        p[order[1:][before[1:] >= o.top_p]] = 0
        p /= p.sum()
    p[p < o.min_p * p.max()] = 0
    return p / p.sum()


OPTIONS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 0.9, 1.0, 1.6]),
    top_k=st.sampled_from([0, 1, 3, 20, 1000]),
    top_p=st.sampled_from([1.0, 0.97, 0.6, 0.1]),
    min_p=st.sampled_from([0.0, 0.01, 0.2]),
    repetition_penalty=st.sampled_from([1.0, 1.3, 0.7]),
    logit_bias=st.sampled_from([None, {0: 2.5}, {1: -math.inf, 2: -1.0}]),
)


def logits_of(n: int, seed: int, scale: float = 2.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n) * scale).astype(np.float32)


@given(OPTIONS, st.integers(4, 600), st.integers(0, 2**32 - 1))
def test_probabilities_are_those_of_sorting(o: Sampling, n: int, seed: int) -> None:
    logits = logits_of(n, seed)
    tokens = [seed % n, 3, seed % n]
    want = expected(logits, o, tokens)
    got = o.probabilities(logits, tokens)
    assert got.sum() == pytest.approx(1)
    # A token at the very edge of top-p may fall to either side of it.
    differs = np.abs(got - want) > 1e-5
    if differs.any():
        assert abs((got > 0).sum() - (want > 0).sum()) == 1
        edge = np.flatnonzero((got > 0) != (want > 0))
        full = expected(logits, Sampling(**{**vars(o), "top_p": 1.0, "min_p": 0.0}), tokens)
        cumulative = np.cumsum(np.sort(full)[::-1])
        assert np.abs(cumulative - o.top_p).min() < 1e-5, (edge, got[edge], want[edge])


@given(st.integers(1, 400), st.integers(1, 500), st.integers(0, 2**32 - 1))
def test_top_k_keeps_k(n: int, k: int, seed: int) -> None:
    logits = np.round(logits_of(n, seed), 1)  # with equal ones
    p = Sampling(top_k=k).probabilities(logits)
    kept = np.flatnonzero(p)
    assert len(kept) == min(n, k)
    np.testing.assert_array_equal(kept, np.sort(np.argsort(-logits, kind="stable")[:k]))


@given(st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_top_p_keeps_no_more_than_it_must(top_p: float, seed: int) -> None:
    full = softmax(logits_of(300, seed).astype(np.float64))
    kept = Sampling(top_p=top_p).probabilities(np.log(full)) > 0
    assert full[kept].sum() >= top_p - 1e-5
    if kept.sum() > 1:
        assert full[kept].sum() - full[kept].min() < top_p + 1e-5
    assert kept.sum() in (1, 300) or full[kept].min() >= full[~kept].max()


@given(st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_min_p_compares_with_the_likeliest(min_p: float, seed: int) -> None:
    full = softmax(logits_of(300, seed).astype(np.float64))
    kept = Sampling(min_p=min_p).probabilities(np.log(full)) > 0
    assert kept[full > min_p * full.max() * (1 + 1e-5)].all()
    assert not kept[full < min_p * full.max() * (1 - 1e-5)].any()


@given(OPTIONS, st.integers(0, 2**32 - 1))
def test_shifted_logits_are_the_same_distribution(o: Sampling, seed: int) -> None:
    o = Sampling(**{**vars(o), "repetition_penalty": 1.0})
    logits = np.round(logits_of(100, seed) * 8) / 8 + np.arange(100) / 1024  # exact sums
    np.testing.assert_allclose(
        o.probabilities(logits), o.probabilities(logits + np.float32(16)), atol=1e-6
    )


def chi_square(counts: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """The statistic, and what it exceeds once in 10,000 times (Wilson and Hilferty 1931)."""
    total = counts.sum()
    rare = p * total < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    p = np.append(p[~rare], p[rare].sum())
    counts, p = counts[p > 0], p[p > 0]
    freedom = len(p) - 1
    bound = freedom * (1 - 2 / (9 * freedom) + 3.719 * math.sqrt(2 / (9 * freedom))) ** 3
    return float(((counts - total * p) ** 2 / (total * p)).sum()), bound


@pytest.mark.parametrize(
    "o",
    [
        Sampling(seed=1),
        Sampling(seed=2, temperature=0.7, top_k=12),
        Sampling(seed=3, top_p=0.8),
        Sampling(seed=4, temperature=1.5, top_p=0.9, min_p=0.05, repetition_penalty=1.2),
        Sampling(seed=5, min_p=0.1, logit_bias={4: 1.0}),
    ],
)
def test_draws_have_the_distribution(o: Sampling) -> None:
    logits, tokens = logits_of(60, 9, 1.0), [4, 5]
    p = expected(logits, o, tokens)
    n = 20000
    by_place = [o.sample(logits, tokens, place) for place in range(n)]
    by_seed = [Sampling(**{**vars(o), "seed": s}).sample(logits, tokens) for s in range(n // 4)]
    for drawn in (by_place, by_seed):
        counts = np.bincount(drawn, minlength=60)
        assert not counts[p == 0].any()
        statistic, bound = chi_square(counts, p)
        assert statistic < bound


def test_the_chi_square_notices() -> None:
    p = softmax(logits_of(60, 9, 1.0).astype(np.float64))
    o = Sampling(seed=1, temperature=1.05)
    drawn = [o.sample(np.log(p), place=i) for i in range(20000)]
    statistic, bound = chi_square(np.bincount(drawn, minlength=60), p)
    assert statistic > bound


def test_a_seed_and_a_place_decide() -> None:
    logits = logits_of(50, 1)
    one, other = ([Sampling(seed=s).sample(logits, place=i) for i in range(50)] for s in (1, 2))
    assert one == [Sampling(seed=1).sample(logits, place=i) for i in range(50)]
    assert one != other
    assert len({Sampling().sample(np.zeros(10**6)) for _ in range(5)}) > 1  # another every time


def test_greedy_takes_the_first_of_equals() -> None:
    assert Sampling(temperature=0).sample([1, 3, 3, -np.inf]) == 1
    assert Sampling(temperature=0, top_k=1, top_p=0.1, min_p=1.0).sample([1, 3, 3]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be a finite number of at least 0"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": -3}, "top_k must be at least 0"),
        ({"top_p": 1.01}, r"top_p must be in \[0, 1\]"),
        ({"top_p": math.nan}, "top_p"),
        ({"min_p": -0.1}, r"min_p must be in \[0, 1\]"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"logit_bias": {1: math.nan}}, "logit_bias of token 1"),
        ({"logit_bias": {1: math.inf}}, "logit_bias of token 1"),
        ({"seed": -1}, r"seed must be in \[0, 2\*\*64\)"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**options)


@pytest.mark.parametrize(
    "options", [{"temperature": "1"}, {"top_k": 1.5}, {"seed": "x"}, {"logit_bias": {"a": 1}}]
)
def test_options_of_another_type(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be"):
        Sampling(**options)


def test_logits_that_cannot_be_drawn_from() -> None:
    o = Sampling()
    with pytest.raises(ValueError, match="NaN"):
        o.sample([1, math.nan])
    with pytest.raises(ValueError, match=r"\+inf"):
        o.sample([1, math.inf])
    with pytest.raises(ValueError, match="no token is allowed"):
        Sampling(logit_bias={0: -math.inf}).sample([1, -math.inf])
    with pytest.raises(ValueError, match="vocabulary"):
        o.sample([[1, 2]])
    with pytest.raises(ValueError, match="vocabulary"):
        o.sample([])
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 2\)"):
        o.sample([1, 2], [2])
    with pytest.raises(ValueError, match="logit_bias"):
        Sampling(logit_bias={2: 1.0}).sample([1, 2])
    with pytest.raises(TypeError, match="integers"):
        o.sample([1, 2], [0.5])
    with pytest.raises(ValueError, match="place"):
        o.sample([1, 2], place=-1)
    for ask in (o.sample, o.probabilities):
        with pytest.raises(TypeError, match="got None"):
            ask(None)  # type: ignore[arg-type]


def test_the_filters_of_transformers_keep_the_same() -> None:
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch's transformers")
    transformers = pytest.importorskip("transformers", reason="the oracle is transformers")
    for seed in range(20):
        logits, tokens = logits_of(500, seed), [1, 7, 7, 30]
        o = Sampling(temperature=0.8, top_k=100, top_p=0.9, min_p=0.01, repetition_penalty=1.3)
        ids, scores = torch.tensor([tokens]), torch.tensor(logits)[None]
        for process in (
            transformers.RepetitionPenaltyLogitsProcessor(o.repetition_penalty),
            transformers.TemperatureLogitsWarper(o.temperature),
            transformers.TopKLogitsWarper(o.top_k),
            transformers.TopPLogitsWarper(o.top_p),
            transformers.MinPLogitsWarper(o.min_p),
        ):
            scores = process(ids, scores)
        want = torch.softmax(scores.double(), -1)[0].numpy()
        np.testing.assert_allclose(o.probabilities(logits, tokens), want, atol=1e-6)
