"""From Python objects to JSON: everything is converted or refused with its place; nothing hangs."""

from __future__ import annotations

import json
import math
import time
from collections import OrderedDict
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submission_documents import course_form

from tinytorch.capstone import (
    SubmissionSchemaError,
    Tensor,
    load_submission,
    save_submission,
    validate_submission_schema,
)


def saved(value: Any, tmp_path: Any) -> Any:
    """What a file holds after `value` was saved inside a valid submission."""
    path = tmp_path / "submission.json"
    save_submission({**course_form(), "extra": value}, path)
    plain = json.loads(path.read_text(encoding="utf-8"))["extra"]
    assert load_submission(path)["extra"] == plain
    return plain


def refusal(value: Any) -> str:
    with pytest.raises(SubmissionSchemaError) as caught:
        validate_submission_schema({**course_form(), "extra": value})
    assert caught.value.rule == "json"
    assert caught.value.path.startswith("$.extra")
    return str(caught.value)


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None), (True, True), (7, 7), (-(2**63), -(2**63)), (2**64 - 1, 2**64 - 1),
        (0.1, 0.1),
        (1.0, 1.0), (5e-324, 5e-324), ("é\U0001f600\n\"", "é\U0001f600\n\""),
        ((1, 2), [1, 2]), ([], []),
        ({}, {}), (OrderedDict(b=1, a=2), {"b": 1, "a": 2}), (Colour.RED, 3),
        (np.int8(-5), -5), (np.uint64(2**64 - 1), 2**64 - 1), (np.float32(0.5), 0.5),
        (np.float16(2), 2.0),
        (np.longdouble(0.25), 0.25), (np.bool_(True), True), (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]], dtype=np.uint8), [[1, 2], [3, 4]]), (np.array(2.5), 2.5),
        (np.array([True, False]), [True, False]), (np.array([1.5], dtype=np.float32), [1.5]),
    ],
)  # fmt: skip
def test_values(value: Any, plain: Any, tmp_path: Any) -> None:
    back = saved(value, tmp_path)
    assert back == plain
    assert type(back) is type(plain)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**64, "more than 64 bits"), (-(2**63) - 1, "more than 64 bits"), (10**400, "64 bits"),
        ({1: 2}, "key of type int (1)"), ({None: 1}, "keys must be str"),
        ({"a": {(): 1}}, "$.extra.a "),
        ({1, 2}, "of type set"), (b"x", "of type bytes"), (1j, "of type complex"),
        (object(), "object"),
        (np.datetime64("2020-01-01"), "datetime64"), (np.array([1j]), "dtype complex128"),
        (np.array(["a"]), "dtype <U1"), (np.array([object()]), "dtype object"),
        (Tensor([1.0]), "Tensor"),
        ("\ud800", "surrogate"), ({"\udfff": 1}, "surrogate"),
        ([1, {"a b": [{2}]}], '$.extra[1]["a b"][0] '),
    ],
)  # fmt: skip
def test_refusals_name_place_and_reason(value: Any, words: str) -> None:
    assert words in refusal(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_numbers_that_are_not_finite(number: float) -> None:
    with pytest.raises(SubmissionSchemaError) as caught:
        validate_submission_schema({**course_form(), "extra": [number]})
    assert (caught.value.path, caught.value.rule) == ("$.extra[0]", "finite")


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> Any:
        value: Any = 0
        for _ in range(depth):
            value = [value]
        return value

    assert validate_submission_schema({**course_form(), "extra": nested(63)})
    assert "nested deeper than 64 levels" in refusal(nested(64))
    assert "nested deeper than 64 levels" in refusal(nested(100_000))


def test_cycles_and_shared_values_do_not_hang() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    ring: dict[str, Any] = {}
    ring["a"] = {"b": ring}
    wide = [0] * 10
    for _ in range(40):
        wide = [wide] * 10  # 10^41 values when written out
    many: list[Any] = []
    many.extend([many] * 1000)
    begin = time.monotonic()
    for value in (cycle, ring, many):
        assert "contains itself" in refusal(value)
    assert "more than 1000000 values" in refusal(wide)
    assert time.monotonic() - begin < 30


def test_large_documents_are_converted_in_linear_time() -> None:
    begin = time.monotonic()
    assert validate_submission_schema(
        {**course_form(), "extra": {f"k{i}": i for i in range(200_000)}}
    )
    assert time.monotonic() - begin < 30


class Shrinking(float):
    """Code that runs while a list is walked, and changes that list."""

    target: list[Any] = []  # noqa: RUF012

    def __float__(self) -> float:
        self.target.clear()
        return 1.0


def test_containers_that_change_meanwhile() -> None:
    values: list[Any] = [Shrinking(2.0)] + [np.float32(1)] * 50
    Shrinking.target = values
    assert validate_submission_schema({**course_form(), "extra": values})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_whatever_is_json_round_trips(tmp_path_factory: Any, value: Any) -> None:
    back = saved(value, tmp_path_factory.mktemp("json"))
    assert back == value
    assert json.dumps(back) == json.dumps(value)  # types, signs of zero and order of keys, too
