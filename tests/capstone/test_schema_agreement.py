"""The C++ validator against the `jsonschema` package, over thousands of documents and schemas."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submission_documents import current_form, mutate, valid_documents

from tinytorch import _core
from tinytorch.capstone import SubmissionSchemaError, validate_submission_schema

SCHEMA = json.loads(_core.capstone.SUBMISSION_SCHEMA)


def ecma_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """`$` is the end of the text, as in the standard; Python's also matches before a newline."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Oracle = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})
ORACLE = Oracle(SCHEMA)


def path_text(parts: list[str | int]) -> str:
    text = "$"
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", part):
            text += f".{part}"
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def oracle_violations(document: Any) -> set[tuple[str, str]]:
    found = set()
    for error in ORACLE.iter_errors(document):
        parts = list(error.absolute_path)
        if error.validator in ("required", "dependentRequired"):
            parts.append(re.match(r"'(.*?)' is a ", error.message).group(1))
        found.add((path_text(parts), error.validator))
    return found


def is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    return all(map(is_finite, value)) if isinstance(value, list) else True


def fits_64_bits(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    if isinstance(value, dict):
        return all(map(fits_64_bits, value.values()))
    return all(map(fits_64_bits, value)) if isinstance(value, list) else True


def close(given: float, expected: float, tolerance: float) -> bool:
    return abs(given - expected) <= tolerance


def derived_values_hold(document: dict[str, Any]) -> bool:
    """The rules beyond the schema, written anew from docs/guide/submission.md."""
    sections = [document[name]["metrics"] for name in ("baseline", "optimized") if name in document]
    for metrics in sections:
        if "model_size_bytes" in metrics:
            expected = metrics["model_size_bytes"] / 2**20
            if not close(metrics["model_size_mb"], expected, 1e-4 * expected):
                return False
        tail = [metrics[f"latency_ms_p{p}"] for p in (50, 90, 99) if f"latency_ms_p{p}" in metrics]
        if tail != sorted(tail):
            return False
    if "improvements" not in document:
        return True
    base, best = sections
    gained = document["improvements"]
    speedup = base["latency_ms_mean"] / best["latency_ms_mean"]
    compression = base["model_size_mb"] / best["model_size_mb"]
    return (
        close(gained["speedup"], speedup, 1e-4 * speedup)
        and close(gained["compression_ratio"], compression, 1e-4 * compression)
        and close(gained["accuracy_delta"], best["accuracy"] - base["accuracy"], 1e-4)
    )


def violations(document: Any) -> set[tuple[str, str]]:
    try:
        assert validate_submission_schema(document) is True
    except SubmissionSchemaError as refused:
        error = refused
    else:
        return set()
    assert (error.path, error.rule) == error.violations[0][:2]
    assert error.path in str(error)
    assert error.rule in str(error)
    return {(path, rule) for path, rule, _ in error.violations}


def compare(document: Any) -> str:
    """Which kind of verdict both gave; fails where they differ."""
    ours = violations(document)
    if not fits_64_bits(document):
        assert {rule for _, rule in ours} == {"json"}, document
        return "not JSON"
    if not is_finite(document):
        assert {rule for _, rule in ours} == {"finite"}, document
        return "not finite"
    if expected := oracle_violations(document):
        assert ours == expected, document
        return "schema"
    if not derived_values_hold(document):
        assert {rule for _, rule in ours} == {"derived"}, document
        return "derived"
    assert ours == set(), document
    return "valid"


def test_the_embedded_schema_is_the_file_and_is_itself_valid() -> None:
    file = Path(__file__).parents[2] / "schemas" / "submission.schema.json"
    assert file.read_text(encoding="utf-8") == _core.capstone.SUBMISSION_SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("document", valid_documents())
def test_valid_documents(document: Any) -> None:
    assert compare(document) == "valid"


def test_four_thousand_mutated_documents() -> None:
    random_ = random.Random(20)
    kinds = [compare(mutate(random_.choice(valid_documents()), random_)) for _ in range(4000)]
    for kind in ("valid", "schema", "derived", "not finite"):
        assert kinds.count(kind) > 100, f"the mutations are lopsided: {kind}"


numbers = (
    st.integers(-(2**63), 2**64 - 1)
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, 0.5, 2.0**53, 2**53 + 1, float(2**63)])
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
keys = st.sampled_from("abcd") | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_arbitrary_documents(document: Any) -> None:
    compare(document)


SECTIONS = [
    ("baseline",), ("baseline", "metrics"), ("optimized",), ("optimized", "metrics"),
    ("optimized", "techniques_applied"), ("improvements",), ("system_info",),
]  # fmt: skip


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SECTIONS), values)
def test_arbitrary_sections_in_a_valid_document(section: tuple[str, ...], value: Any) -> None:
    document: Any = current_form()
    here = document
    for name in section[:-1]:
        here = here[name]
    here[section[-1]] = value
    compare(document)


# ---- schemas of our subset, made up, against documents, made up ----

finite = (
    st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2.0**53, 2**64 - 1])
)
names = st.sampled_from("abcd")
types = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
plain = st.none() | st.booleans() | finite | st.sampled_from(["", "a", "éé"])
counts = st.integers(0, 3)
leaf_keywords = {
    "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
    "enum": st.lists(plain, min_size=1, max_size=3),
    "const": plain,
    "minimum": finite,
    "maximum": finite,
    "exclusiveMinimum": finite,
    "exclusiveMaximum": finite,
    "minLength": counts,
    "maxLength": counts,
    "minItems": counts,
    "maxItems": counts,
    "required": st.lists(names, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(
        names, st.lists(names, max_size=2, unique=True), max_size=2
    ),
    "$ref": st.sampled_from(["#/$defs/p", "#/$defs/q"]),
    "title": st.text(max_size=3),
}


def schema_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nested = {
        "properties": st.dictionaries(names, inner, max_size=2),
        "additionalProperties": inner,
        "items": inner,
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
    }
    return st.booleans() | st.fixed_dictionaries({}, optional={**leaf_keywords, **nested})


leaves = st.fixed_dictionaries({}, optional=leaf_keywords)
schemas = st.recursive(leaves, schema_of, max_leaves=5)
small_documents = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(schemas, st.lists(small_documents, min_size=3, max_size=6))
def test_arbitrary_schemas(schema: Any, documents: list[Any]) -> None:
    if isinstance(schema, bool):
        schema = {"allOf": [schema]}
    schema["$defs"] = {"p": {"type": ["integer", "array"]}, "q": {"items": {"$ref": "#/$defs/p"}}}
    oracle = jsonschema.Draft202012Validator(schema)
    text = json.dumps(schema)
    for document in documents:
        assert (_core.capstone.check_json(text, document) == []) == oracle.is_valid(document)


def test_schemas_outside_the_subset_are_refused() -> None:
    for text in (
        '{"oneOf": [true]}',
        '{"format": "date"}',
        '{"tpye": "string"}',
        "[1]",
        "nonsense",
    ):
        with pytest.raises(ValueError, match=r"schema|JSON"):
            _core.capstone.check_json(text, 1)
