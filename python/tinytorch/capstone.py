"""The capstone: measure a model, improve it, and hand in what was gained.

    report = BenchmarkReport("baseline")
    report.benchmark_model(SimpleMLP(), X_test, y_test)
    save_submission(generate_submission(report, student_name="Ada"))

Timing, statistics and the submission's schema are C++; how each figure is measured is told in
docs/guide/submission.md.
"""

from __future__ import annotations

import operator
import os
import platform
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from . import _core
from ._measured_model import MeasuredModel, class_labels
from .core.activations import ReLU
from .core.layers import Layer, Linear
from .core.losses import CrossEntropyLoss
from .core.tensor import Tensor

__all__ = [
    "BenchmarkReport",
    "CrossEntropyLoss",
    "Linear",
    "ReLU",
    "SimpleMLP",
    "SubmissionSchemaError",
    "Tensor",
    "benchmark_models",
    "generate_submission",
    "load_submission",
    "save_submission",
    "validate_submission_schema",
]

SubmissionSchemaError = _core.capstone.SubmissionSchemaError


class SimpleMLP(Layer):
    """Linear, ReLU, Linear: (batch, input_size) -> (batch, output_size).

    Weights are (in, out), drawn from N(0, 0.01^2) with NumPy's global generator; biases are 0. The
    default has 10*20 + 20 + 20*3 + 3 = 283 parameters.
    """

    def __init__(self, input_size: int = 10, hidden_size: int = 20, output_size: int = 3) -> None:
        self.fc1 = Linear(input_size, hidden_size)
        self.relu = ReLU()
        self.fc2 = Linear(hidden_size, output_size)
        for layer in (self.fc1, self.fc2):
            layer.weight.data = np.random.randn(*layer.weight.shape) * 0.01

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2.forward(self.relu.forward(self.fc1.forward(x)))
        return out

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def parameters(self) -> list[Tensor]:
        """[fc1.weight, fc1.bias, fc2.weight, fc2.bias]"""
        return [*self.fc1.parameters(), *self.fc2.parameters()]

    def count_parameters(self) -> int:
        """Weights and biases, also those of parts that are not trained (int8, sparse)."""
        return sum(map(_count_parameters, (self.fc1, self.fc2)))

    def __repr__(self) -> str:
        return f"SimpleMLP({self.fc1!r}, {self.fc2!r})"


def _count_parameters(part: Any) -> int:
    count = getattr(part, "count_parameters", None)
    return int(count()) if callable(count) else sum(int(p.size) for p in part.parameters())


class BenchmarkReport:
    """What was measured of one model, and where.

    model_name   any text
    metrics      {} until `benchmark_model`; plain Python numbers, and two texts that say sources
    system_info  platform, versions, cpu, isa, threads, memory
    timestamp    ISO 8601, UTC

    All four may be assigned. `throughput_curve`, [(batch size, samples per second)], and
    `batch_search_ended`, the reason, tell how the best batch size was found.
    """

    def __init__(self, model_name: str = "model") -> None:
        self.model_name = model_name
        self.metrics: dict[str, Any] = {}
        self.system_info = self._get_system_info()
        self.timestamp: str = _core.capstone.utc_timestamp()
        self.throughput_curve: list[tuple[int, float]] = []
        self.batch_search_ended = ""

    def _get_system_info(self) -> dict[str, Any]:
        return {
            "platform": platform.platform(),
            "python_version": platform.python_version(),
            "numpy_version": np.__version__,
            **_core.capstone.system_info(),
        }

    def benchmark_model(
        self, model: Any, X_test: Any, y_test: Any, num_runs: int = 100
    ) -> dict[str, Any]:
        """Measure accuracy on all rows, latency on the first, the best batch size, and memory.

        model: `forward(x)` -> (rows, classes), `count_parameters()` (else as the Profiler counts).
        Parts or a model with `stored_bytes()` say their own size. X_test: Tensor or ndarray
        (N, ...). y_test: N class indices. num_runs: timed samples, after a warm-up.

        Returns `metrics`, a new dict also kept as the attribute. Runs without gradients and in
        evaluation mode. What the model raises passes through; ValueError for unfit shapes.
        """
        _measure([self], [(model, X_test, y_test)], num_runs)
        return self.metrics

    def __repr__(self) -> str:
        return f"BenchmarkReport({self.model_name!r}, {len(self.metrics)} metrics)"


def benchmark_models(
    cases: Sequence[tuple[str, Any, Any, Any]], num_runs: int = 100
) -> list[BenchmarkReport]:
    """A report of each (name, model, X_test, y_test), timed in turns.

    What else the machine does meanwhile then meets all models alike, which reports made one after
    the other cannot promise: compare models this way. As `BenchmarkReport.benchmark_model`
    otherwise.
    """
    reports = [BenchmarkReport(name) for name, *_ in cases]
    _measure(reports, [(model, X, y) for _, model, X, y in cases], num_runs)
    return reports


def _measure(
    reports: Sequence[BenchmarkReport], cases: Sequence[tuple[Any, Any, Any]], num_runs: int
) -> None:
    """Measure all models, each (model, X_test, y_test), together and fill in their reports."""
    with ExitStack() as stack:
        models = []
        for model, X_test, y_test in cases:
            measured = MeasuredModel(model, X_test)
            models.append(_as_measured(measured, class_labels(y_test)))
            stack.enter_context(measured.inference_mode())
        found = _core.capstone.benchmark(models, operator.index(num_runs))
    for report, (metrics, curve, ended) in zip(reports, found, strict=True):
        report.metrics, report.throughput_curve, report.batch_search_ended = metrics, curve, ended


def _as_measured(measured: MeasuredModel, labels: np.ndarray) -> dict[str, Any]:
    """What the engine asks of a model."""
    stored_bytes, source = measured.stored_size()
    return {
        "forward": measured.forward,
        "rows": measured.rows,
        "predict": measured.classes,
        "labels": labels,
        "parameter_count": measured.count_parameters(),
        "stored_bytes": stored_bytes,
        "size_source": source,
    }


def generate_submission(
    baseline_report: BenchmarkReport,
    optimized_report: BenchmarkReport | None = None,
    student_name: str | None = None,
    techniques_applied: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The submission of one report, or of two and what the second gained.

    improvements: speedup = baseline / optimized latency, compression_ratio = baseline / optimized
    size, accuracy_delta = optimized - baseline accuracy. KeyError if a report lacks the metrics for
    them. Nothing else is checked here: see `validate_submission_schema`.
    """
    if student_name is not None and not isinstance(student_name, str):
        raise TypeError(f"student_name must be a str, got {type(student_name).__name__}")
    if isinstance(techniques_applied, str):
        raise TypeError(f"techniques_applied must be a list of str: [{techniques_applied!r}]")
    techniques = list(techniques_applied or ())
    for name in techniques:
        if not isinstance(name, str):
            raise TypeError(f"techniques_applied must hold str, got {name!r}")
    submission: dict[str, Any] = _core.capstone.generate_submission(
        baseline_report, optimized_report, student_name or "", techniques
    )
    return submission


def validate_submission_schema(submission: Any) -> bool:
    """True, or SubmissionSchemaError (an AssertionError) with `path`, `rule` and all `violations`.

    Rules: schemas/submission.schema.json, finite numbers, and improvements that follow from the
    metrics.
    """
    _core.capstone.validate_submission(submission)
    return True


def save_submission(
    submission: Any, filepath: str | os.PathLike[str] = "submission.json"
) -> str | os.PathLike[str]:
    """Validate, then write JSON with two-space indent, replacing the file atomically.

    Returns `filepath`. An invalid submission writes nothing. OSError as from `open`, e.g.
    FileNotFoundError for a missing folder.
    """
    _core.capstone.save_submission(submission, os.fsencode(filepath))
    return filepath


def load_submission(filepath: str | os.PathLike[str] = "submission.json") -> dict[str, Any]:
    """Read a file and validate it. ValueError if it is not strict JSON (duplicate keys, NaN)."""
    submission: dict[str, Any] = _core.capstone.load_submission(os.fsencode(filepath))
    return submission
