"""Random calls of a session, right and wrong ones: lengths and logits stay those of the texts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, random_weights
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.models.gpt import GptConfig
from tinytorch.runtime import GptSession

CAPACITIES = (40, 17, 33)
TOKENS = st.lists(st.integers(-1, 38), min_size=0, max_size=20)
SEQUENCE = st.integers(0, 2)
APPEND = st.tuples(
    st.just("append"),
    st.lists(st.tuples(SEQUENCE, TOKENS, st.integers(-1, 5)), min_size=1, max_size=3),
)
TRUNCATE = st.tuples(st.just("truncate"), SEQUENCE, st.integers(-1, 41))
COPY = st.tuples(st.just("copy"), SEQUENCE, SEQUENCE, st.integers(-1, 41))


@lru_cache
def session_of(llama: bool, precision: str, cache: str) -> GptSession:
    config = LLAMA if llama else GPT2
    return GptSession(random_weights(config), config, precision=precision, cache=cache)


class Texts:
    """What the sequences should hold."""

    def __init__(self, session: GptSession) -> None:
        self.session = session
        self.sequences = [session.sequence(capacity) for capacity in CAPACITIES]
        self.texts: list[list[int]] = [[], [], []]

    def append(self, inputs: list[tuple[int, list[int], int]]) -> bool:
        ids = [i for i, _, _ in inputs]
        right = len(set(ids)) == len(ids) and all(
            tokens
            and 0 <= min(tokens) <= max(tokens) < 37
            and 0 <= wanted <= len(tokens)
            and len(self.texts[i]) + len(tokens) <= CAPACITIES[i]
            for i, tokens, wanted in inputs
        )
        logits = self.session.append(
            [self.sequences[i] for i in ids], [t for _, t, _ in inputs], [w for _, _, w in inputs]
        )
        assert logits.shape == (sum(w for _, _, w in inputs), 37)
        for i, tokens, _ in inputs:
            self.texts[i] = self.texts[i] + tokens
        return right

    def truncate(self, i: int, length: int) -> bool:
        self.sequences[i].truncate(length)
        right = 0 <= length <= len(self.texts[i])
        self.texts[i] = self.texts[i][:length]
        return right

    def copy(self, i: int, j: int, length: int) -> bool:
        self.sequences[i].copy_prefix(self.sequences[j], length)
        right = 0 <= length <= len(self.texts[j]) and length <= CAPACITIES[i]
        self.texts[i] = self.texts[j][:length]
        return right


@given(
    st.booleans(),
    st.sampled_from(["f32", "int8"]),
    st.sampled_from(["f32", "f16", "int8"]),
    st.lists(st.one_of(APPEND, TRUNCATE, COPY), max_size=12),
)
def test_sequences_hold_the_texts_whatever_was_called(
    llama: bool, precision: str, cache: str, calls: list[Any]
) -> None:
    session = session_of(llama, precision, cache)
    texts = Texts(session)
    for name, *arguments in calls:
        try:
            right = getattr(texts, name)(*arguments)
        except (ValueError, RuntimeError):
            continue  # nothing has changed, as is seen below
        assert right
    for sequence, text, capacity in zip(texts.sequences, texts.texts, CAPACITIES, strict=True):
        assert sequence.length == len(text)
        if len(text) == capacity:
            sequence.truncate(capacity - 1)
            text.pop()
        plain = session.append([session.sequence()], [[*text, 3]])
        np.testing.assert_array_equal(session.append([sequence], [[3]]), plain)


SIZES = ("vocabulary", "width", "layers", "heads", "kv_heads", "head_size", "hidden", "max_length")
ANY = st.one_of(st.integers(-(2**70), 2**70), st.integers(-2, 9), st.floats(), st.text(), st.none())


@given(st.dictionaries(st.sampled_from([*SIZES, "norm", "eps", "rope_theta", "gated"]), ANY))
def test_any_fields_make_a_config_or_an_error(fields: dict[str, Any]) -> None:
    given = {"vocabulary": 5, "width": 8, "layers": 1, "heads": 2} | fields
    try:
        config = GptConfig(**given)
    except (ValueError, TypeError):
        return
    assert all(1 <= getattr(config, size) <= 2**24 for size in SIZES)
    assert config.heads % config.kv_heads == 0


@given(st.dictionaries(st.sampled_from([*LLAMA.shapes()]), st.integers(0, 4), max_size=4))
def test_weights_that_do_not_fit_are_named(changes: dict[str, int]) -> None:
    weights: dict[str, Any] = dict(random_weights(LLAMA))
    for name, change in changes.items():
        shape = LLAMA.shapes()[name]
        weights[name] = [
            None, np.zeros(shape), np.zeros((*shape, 1)), np.zeros([n + 1 for n in shape]), "text"
        ][change]  # fmt: skip
    required = LLAMA.required()
    wrong = [n for n, c in changes.items() if c > 1 or (c == 0 and n in required)]
    if not wrong:
        GptSession(weights, LLAMA)
        return
    with pytest.raises((ValueError, TypeError)) as error:
        GptSession(weights, LLAMA)
    assert any(name in str(error.value) for name in wrong)
