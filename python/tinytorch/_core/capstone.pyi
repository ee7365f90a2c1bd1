# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

__all__: list[str] = [
    "SCHEMA_VERSION",
    "SUBMISSION_SCHEMA",
    "SubmissionSchemaError",
    "benchmark",
    "check_json",
    "generate_submission",
    "load_submission",
    "save_submission",
    "system_info",
    "utc_timestamp",
    "validate_submission",
]

class SubmissionSchemaError(AssertionError):
    path: str
    rule: str
    violations: list[tuple[str, str, str]]

def benchmark(
    models: Sequence[dict[str, Any]], num_runs: int
) -> list[tuple[dict[str, Any], list[tuple[int, float]], str]]:
    """[(metrics, [(batch size, samples per second)], why the batch search ended)] of
    models, timed in turns.

    Each is a dict: forward(x) is timed; rows(n) makes its input of n rows; predict(None)
    gives one class per row as int64; labels are the right ones; parameter_count,
    stored_bytes and size_source go into its metrics.
    """

def check_json(schema: str, value: Any) -> list[tuple[str, str, str]]:
    """[(path, rule, message)] of a value against the text of a schema; empty: valid."""

def generate_submission(
    baseline: Any, optimized: Any, student_name: str, techniques: Sequence[str]
) -> dict[str, Any]: ...
def load_submission(path: str | bytes) -> dict[str, Any]: ...
def save_submission(submission: Any, path: str | bytes) -> None: ...
def system_info() -> dict[str, Any]: ...
def utc_timestamp() -> str: ...
def validate_submission(submission: Any) -> None: ...

SCHEMA_VERSION: str
SUBMISSION_SCHEMA: str
