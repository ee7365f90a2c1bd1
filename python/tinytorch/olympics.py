"""Older name of `tinytorch.capstone`: the same objects."""

from .capstone import (
    BenchmarkReport,
    SimpleMLP,
    SubmissionSchemaError,
    generate_submission,
    load_submission,
    save_submission,
    validate_submission_schema,
)

__all__ = [
    "BenchmarkReport",
    "SimpleMLP",
    "SubmissionSchemaError",
    "generate_submission",
    "load_submission",
    "save_submission",
    "validate_submission_schema",
]
