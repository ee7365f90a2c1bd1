"""generate_submission and validate_submission_schema: what they give, what they refuse, and how."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from submission_documents import (
    METRICS_ALL,
    METRICS_FOUR,
    METRICS_SIX,
    compared,
    course_form,
    current_form,
)

import tinytorch.capstone as capstone
import tinytorch.olympics as olympics
from tinytorch.capstone import (
    BenchmarkReport,
    SubmissionSchemaError,
    generate_submission,
    validate_submission_schema,
)


def report(name: str = "mlp", **metrics: Any) -> BenchmarkReport:
    out = BenchmarkReport(name)
    out.metrics = {**METRICS_SIX, **metrics}
    return out


def test_both_module_paths_give_the_same_objects() -> None:
    names = ["SimpleMLP", "BenchmarkReport", "generate_submission", "save_submission"]
    for name in [*names, "validate_submission_schema", "load_submission", "SubmissionSchemaError"]:
        assert getattr(capstone, name) is getattr(olympics, name)


def test_new_report() -> None:
    new = BenchmarkReport()
    assert new.model_name == "model"
    assert new.metrics == {}
    assert datetime.fromisoformat(new.timestamp).tzinfo is not None
    for key in ("platform", "python_version", "numpy_version", "cpu", "isa", "tinytorch_version"):
        assert isinstance(new.system_info[key], str)
        assert new.system_info[key]
    assert new.system_info["threads"] >= 1
    assert new.system_info == new._get_system_info()
    json.dumps(new.system_info)


def test_baseline_alone() -> None:
    base = report()
    submission = generate_submission(base)
    assert set(submission) == {
        "schema_version", "tinytorch_version", "submission_type", "timestamp", "system_info",
        "baseline",
    }  # fmt: skip
    assert submission["tinytorch_version"] == "0.1.0"
    assert submission["submission_type"] == "capstone_benchmark"
    assert submission["timestamp"] == base.timestamp
    assert submission["system_info"] == base.system_info
    assert submission["baseline"] == {"model_name": "mlp", "metrics": METRICS_SIX}
    assert validate_submission_schema(submission) is True


def test_with_an_optimized_report() -> None:
    fast = report(
        "int8", latency_ms_mean=0.025, model_size_mb=METRICS_SIX["model_size_mb"] / 4, accuracy=0.75
    )
    submission = generate_submission(report(), fast, "Ada", ["int8", "pruning"])
    assert submission["student_name"] == "Ada"
    assert submission["optimized"]["techniques_applied"] == ["int8", "pruning"]
    assert submission["optimized"]["model_name"] == "int8"
    assert submission["improvements"] == {
        "speedup": 0.125 / 0.025, "compression_ratio": 4.0, "accuracy_delta": 0.25,
    }  # fmt: skip
    assert all(type(v) is float for v in submission["improvements"].values())
    assert validate_submission_schema(submission)


def test_optional_arguments() -> None:
    assert "student_name" not in generate_submission(report(), student_name="")
    assert generate_submission(report(), report())["optimized"]["techniques_applied"] == []
    assert generate_submission(report(), report(), techniques_applied=("a",))["optimized"][
        "techniques_applied"
    ] == ["a"]
    with pytest.raises(TypeError, match="techniques_applied"):
        generate_submission(report(), report(), techniques_applied="int8")  # a likely slip
    with pytest.raises(TypeError, match="techniques_applied"):
        generate_submission(report(), report(), techniques_applied=[1])
    with pytest.raises(TypeError, match="student_name"):
        generate_submission(report(), student_name=5)


def test_a_report_without_metrics() -> None:
    empty = BenchmarkReport()
    submission = generate_submission(empty)
    assert submission["baseline"]["metrics"] == {}
    with pytest.raises(AssertionError, match="parameter_count"):
        validate_submission_schema(submission)
    with pytest.raises(KeyError):
        generate_submission(empty, report())
    with pytest.raises(KeyError):
        generate_submission(report(), empty)


def test_what_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="latency_ms_mean is 0"):
        generate_submission(report(), report(latency_ms_mean=0.0))
    with pytest.raises(TypeError, match="accuracy"):
        generate_submission(report(), report(accuracy="good"))


def test_any_object_with_the_four_attributes_is_a_report() -> None:
    class Mine:
        model_name = "mine"
        metrics = METRICS_FOUR
        system_info = {"platform": "p", "python_version": "3"}  # noqa: RUF012
        timestamp = "2025-11-21 10:05:03"

    assert validate_submission_schema(generate_submission(Mine(), Mine()))
    with pytest.raises(AttributeError):
        generate_submission(object())


def test_generated_documents_share_nothing_with_the_report() -> None:
    base = report()
    generate_submission(base)["baseline"]["metrics"]["accuracy"] = 9
    assert base.metrics["accuracy"] == 0.5


def test_older_forms_are_valid() -> None:
    assert validate_submission_schema(course_form())
    assert validate_submission_schema(compared(METRICS_FOUR))
    assert validate_submission_schema(compared())
    assert validate_submission_schema({**compared(METRICS_ALL), "schema_version": "1.0"})
    assert validate_submission_schema(
        {**current_form(), "schema_version": "1.9", "later": {"x": 1}}
    )


TIMESTAMPS = [
    "2025-11-21T10:05:03+00:00", "2025-11-21 10:05:03", "2025-11-21T10:05:03.123456", "2025-11-21",
    "2025-11-21T10:05", "2025-11-21T10:05:03Z",
]  # fmt: skip


@pytest.mark.parametrize("timestamp", TIMESTAMPS)
def test_timestamps(timestamp: str) -> None:
    assert validate_submission_schema({**course_form(), "timestamp": timestamp})


Change = Callable[[dict[str, Any]], Any]
CHEATS: list[tuple[str, str, Change]] = [
    ("$.improvements.speedup", "derived", lambda d: d["improvements"].update(speedup=20.0)),
    ("$.improvements.speedup", "derived", lambda d: d["improvements"].update(speedup=2.01)),
    ("$.improvements.compression_ratio", "derived",
     lambda d: d["improvements"].update(compression_ratio=8)),
    ("$.improvements.accuracy_delta", "derived",
     lambda d: d["improvements"].update(accuracy_delta=0.25)),
    ("$.improvements.speedup", "derived",
     lambda d: d["optimized"]["metrics"].update(latency_ms_mean=0.001)),
    ("$.baseline.metrics.accuracy", "finite",
     lambda d: d["baseline"]["metrics"].update(accuracy=math.nan)),
    ("$.improvements.speedup", "finite", lambda d: d["improvements"].update(speedup=math.inf)),
    ("$.optimized.metrics.accuracy", "maximum",
     lambda d: d["optimized"]["metrics"].update(accuracy=1.0001)),
    ("$.optimized.metrics.accuracy", "type",
     lambda d: d["optimized"]["metrics"].update(accuracy=True)),
    ("$.baseline.metrics.parameter_count", "type",
     lambda d: d["baseline"]["metrics"].update(parameter_count=True)),
    ("$.baseline.metrics.parameter_count", "minimum",
     lambda d: d["baseline"]["metrics"].update(parameter_count=0)),
    ("$.baseline.metrics.model_size_mb", "exclusiveMinimum",
     lambda d: d["baseline"]["metrics"].update(model_size_mb=-1.0)),
    ("$.baseline.metrics.model_size_mb", "derived",
     lambda d: d["baseline"]["metrics"].update(model_size_bytes=10)),
    ("$.baseline.metrics.latency_ms_mean", "exclusiveMinimum",
     lambda d: d["baseline"]["metrics"].update(latency_ms_mean=0)),
    ("$.baseline.metrics.latency_ms_std", "minimum",
     lambda d: d["baseline"]["metrics"].update(latency_ms_std=-0.1)),
    ("$.baseline.metrics.latency_ms_p99", "derived",
     lambda d: d["baseline"]["metrics"].update(latency_ms_p99=0.01)),
    ("$.improvements", "dependentRequired", lambda d: d.pop("improvements")),
    ("$.optimized", "dependentRequired", lambda d: d.pop("optimized")),
    ("$.optimized.techniques_applied", "required",
     lambda d: d["optimized"].pop("techniques_applied")),
    ("$.baseline", "required", lambda d: d.pop("baseline")),
    ("$.system_info.platform", "required", lambda d: d["system_info"].pop("platform")),
    ("$.schema_version", "pattern", lambda d: d.update(schema_version="2.0")),
    ("$.schema_version", "type", lambda d: d.update(schema_version=1.1)),
    ("$.submission_type", "const", lambda d: d.update(submission_type="homework")),
    ("$.timestamp", "pattern", lambda d: d.update(timestamp="last Friday")),
    ("$.student_name", "minLength", lambda d: d.update(student_name="")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "rule", "change"), CHEATS)
def test_what_is_wrong_is_named(path: str, rule: str, change: Change) -> None:
    document = current_form()
    change(document)
    with pytest.raises(AssertionError) as caught:
        validate_submission_schema(document)
    assert isinstance(caught.value, SubmissionSchemaError)
    assert (caught.value.path, caught.value.rule) == (path, rule)
    assert f"{path} " in str(caught.value)
    assert f"(rule: {rule})" in str(caught.value)


@pytest.mark.parametrize("document", [None, 1, "text", [], [course_form()], True, math.nan])
def test_a_submission_is_an_object(document: Any) -> None:
    with pytest.raises(SubmissionSchemaError) as caught:
        validate_submission_schema(document)
    assert caught.value.path == "$"


def test_every_violation_is_listed() -> None:
    document = current_form()
    del document["timestamp"]
    document["baseline"]["metrics"]["accuracy"] = 2
    with pytest.raises(SubmissionSchemaError) as caught:
        validate_submission_schema(document)
    assert [v[:2] for v in caught.value.violations] == [
        ("$.timestamp", "required"),
        ("$.baseline.metrics.accuracy", "maximum"),
    ]


def test_the_error_can_be_pickled() -> None:
    with pytest.raises(SubmissionSchemaError) as caught:
        validate_submission_schema({})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is SubmissionSchemaError
    assert copy.path == caught.value.path
    assert str(copy) == str(caught.value)


def test_validation_survives_python_dash_O() -> None:
    code = (
        "from tinytorch.capstone import validate_submission_schema as v\n"
        "try: v({})\n"
        "except AssertionError as e: print('refused', e.path)\n"
        "else: print('accepted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "refused $.tinytorch_version"


def test_numpy_numbers_count_as_numbers() -> None:
    document = compared()
    metrics = document["baseline"]["metrics"]
    metrics["parameter_count"] = np.int64(283)
    metrics["accuracy"] = np.float32(0.5)
    metrics["latency_ms_mean"] = np.float64(0.125)
    assert validate_submission_schema(document)
    metrics["parameter_count"] = np.bool_(True)
    with pytest.raises(
        SubmissionSchemaError, match=r"parameter_count got true, must be of type integer"
    ):
        validate_submission_schema(document)
