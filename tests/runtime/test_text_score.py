"""The score of a text against the definition: every token by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.models.gpt import GptConfig
from tinytorch.models.gpt_net import GptNet
from tinytorch.runtime import GptSession
from tinytorch.workflow import text_score

LENGTH = 8


def session(seed: int = 0, vocabulary: int = 9) -> GptSession:
    np.random.seed(seed)
    config = GptConfig(vocabulary=vocabulary, width=8, layers=1, heads=2, max_length=LENGTH)
    net = GptNet(config)
    for p in net.parameters():
        p.data = p.data * 20
    return net.session()


ONE, OTHER = session(0), session(1)


def logs_after(model: GptSession, context: np.ndarray) -> np.ndarray:
    logits = model.append([model.sequence(len(context))], [context])[0].astype(np.float64)
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


@given(st.integers(2, 40), st.integers(1, LENGTH), st.integers(1, LENGTH), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_every_token_is_predicted_once(count: int, length: int, stride: int, seed: int) -> None:
    stride = min(stride, length)
    ids = np.random.default_rng(seed).integers(0, 9, count)
    found = text_score.score(ONE, ids, length=length, stride=stride, reference=OTHER)
    nats, divergence = [], []
    for at in range(1, count):  # windows end at length, length + stride, ... or the text's end
        end = length if at <= length else length + -(-(at - length) // stride) * stride
        begin = max(0, min(end, count - 1) - length)
        mine, true = (logs_after(m, ids[begin:at]) for m in (ONE, OTHER))
        nats.append(-mine[ids[at]])
        divergence.append(np.sum(np.exp(true) * (true - mine)))
    assert found.tokens == count - 1
    assert found.nats == pytest.approx(np.mean(nats), rel=1e-4, abs=1e-5)
    assert found.divergence == pytest.approx(np.mean(divergence), rel=1e-3, abs=1e-5)


def test_a_model_is_at_no_distance_from_itself() -> None:
    ids = np.random.default_rng(0).integers(0, 9, 50)
    found = text_score.score(ONE, ids, reference=ONE)
    assert found.divergence == 0.0
    assert text_score.score(ONE, ids).divergence is None
    assert found.bits(49) == pytest.approx(found.nats / np.log(2))
    assert found.per_character(98) == pytest.approx(found.nats / 2)


def test_refuses_what_cannot_be_scored() -> None:
    ids = np.zeros(20, np.int64)
    with pytest.raises(ValueError, match="two tokens"):
        text_score.score(ONE, ids[:1])
    with pytest.raises(ValueError, match="stride"):
        text_score.score(ONE, ids, length=4, stride=5)
    with pytest.raises(ValueError, match="length"):
        text_score.score(ONE, ids, length=LENGTH + 1)
    with pytest.raises(ValueError, match="vocabulary"):
        text_score.score(ONE, ids, reference=session(0, vocabulary=5))
