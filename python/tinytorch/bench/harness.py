"""Benchmark a baseline and an optimized model, and turn both into a submission."""

from __future__ import annotations

from typing import Any


class SubmissionHarness:
    """`baseline(...)`, `optimized(...)` measure; `submission()` and `save()` give the document."""

    def __init__(self, student_name: str | None = None) -> None:
        self.student_name = student_name
        self.techniques: list[str] = []
        self.baseline_report: Any = None
        self.optimized_report: Any = None

    def baseline(self, model: Any, x: Any, y: Any, num_runs: int = 100) -> dict[str, Any]:
        self.baseline_report, metrics = _report("baseline", model, x, y, num_runs)
        return metrics

    def optimized(
        self, model: Any, x: Any, y: Any, techniques: list[str], num_runs: int = 100
    ) -> dict[str, Any]:
        self.techniques = list(techniques)
        self.optimized_report, metrics = _report("optimized", model, x, y, num_runs)
        return metrics

    def submission(self) -> dict[str, Any]:
        from ..capstone import generate_submission

        if self.baseline_report is None:
            raise RuntimeError("measure a baseline first: harness.baseline(model, x, y)")
        return generate_submission(
            self.baseline_report, self.optimized_report, self.student_name, self.techniques
        )

    def save(self, filepath: Any = "submission.json") -> Any:
        from ..capstone import save_submission

        return save_submission(self.submission(), filepath)


def _report(name: str, model: Any, x: Any, y: Any, num_runs: int) -> tuple[Any, dict[str, Any]]:
    from ..capstone import BenchmarkReport

    report = BenchmarkReport(name)
    return report, report.benchmark_model(model, x, y, num_runs)
