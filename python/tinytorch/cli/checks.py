"""The capstone's seven checks, on a fresh model and random data."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import capstone
from ..core.tensor import Tensor
from ..nn.quantized import convert
from ._console import say

_METRICS = (
    *("parameter_count", "model_size_mb", "accuracy", "latency_ms_mean", "latency_ms_std"),
    "throughput_samples_per_sec",
)


class Checks:
    """The objects that the checks share; each check raises AssertionError where it fails."""

    def __init__(self) -> None:
        self.model = capstone.SimpleMLP()
        rng = np.random.default_rng(0)
        self.X = Tensor(rng.standard_normal((50, 10)))
        self.y = rng.integers(0, 3, 50)
        self.report = capstone.BenchmarkReport("float32")
        self.optimized = capstone.BenchmarkReport("int8")

    def model_count(self) -> str:
        count = self.model.count_parameters()
        _expect(count == 283, f"SimpleMLP() must have 283 parameters, has {count}")
        shape = self.model.forward(self.X).shape
        _expect(tuple(shape) == (50, 3), f"forward of (50, 10) must give (50, 3), gave {shape}")
        return "10 x 20 + 20 + 20 x 3 + 3 = 283 parameters"

    def benchmark(self) -> str:
        metrics = self.report.benchmark_model(self.model, self.X, self.y, num_runs=20)
        missing = [name for name in _METRICS if name not in metrics]
        _expect(not missing, f"metrics lack {missing}")
        bad = [n for n in _METRICS if not math.isfinite(metrics[n]) or metrics[n] < 0]
        _expect(not bad, f"metrics must be finite and not negative: {bad}")
        _expect(metrics["latency_ms_mean"] > 0, "the latency must be above 0")
        _expect(0 <= metrics["accuracy"] <= 1, "the accuracy must be in [0, 1]")
        return f"{1000 * metrics['latency_ms_mean']:.2f} \u00b5s, {len(metrics)} metrics"

    def submission(self) -> str:
        made = capstone.generate_submission(self.report, student_name="Check")
        _expect(made["baseline"]["metrics"] == self.report.metrics, "the metrics must be kept")
        _expect(made["student_name"] == "Check", "the name must be kept")
        _expect("optimized" not in made, "one report gives no optimized part")
        return f"{made['submission_type']}, schema {made['schema_version']}"

    def improvements(self) -> str:
        made = self._pair()
        before, after = made["baseline"]["metrics"], made["optimized"]["metrics"]
        gained = made["improvements"]
        expected = {
            "speedup": before["latency_ms_mean"] / after["latency_ms_mean"],
            "compression_ratio": before["model_size_mb"] / after["model_size_mb"],
            "accuracy_delta": after["accuracy"] - before["accuracy"],
        }
        for name, value in expected.items():
            _expect(
                math.isclose(gained[name], value, rel_tol=1e-9, abs_tol=1e-12), f"{name} is wrong"
            )
        return ", ".join(f"{name} {gained[name]:.2f}" for name in expected)

    def schema(self) -> str:
        made = self._pair()
        _expect(
            capstone.validate_submission_schema(made) is True, "a good submission must validate"
        )
        broken = [
            {k: v for k, v in made.items() if k != "baseline"},
            {**made, "submission_type": "homework"},
            _with_metric(made, "accuracy", 1.5),
            _with_metric(made, "latency_ms_mean", float("nan")),
            _with_metric(made, "parameter_count", True),
        ]
        for document in broken:
            try:
                capstone.validate_submission_schema(document)
            except AssertionError:
                continue
            raise AssertionError("a broken submission must be refused")
        return f"1 accepted, {len(broken)} broken ones refused"

    def round_trip(self) -> str:
        made = self._pair()
        text = json.dumps(made, allow_nan=False)
        _expect(json.loads(text) == made, "JSON must give back the same submission")
        return f"{len(text):,} bytes of JSON and back"

    def save(self) -> str:
        made = self._pair()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "submission.json"
            _expect(
                capstone.save_submission(made, str(path)) == str(path), "the path must be returned"
            )
            _expect(
                json.loads(path.read_text("utf-8")) == made, "the file must hold the submission"
            )
            left = [p.name for p in path.parent.iterdir() if p != path]
            _expect(not left, f"nothing else must be left behind: {left}")
        return "written whole, nothing left behind"

    def _pair(self) -> dict[str, Any]:
        """The submission of the model and of its int8 form."""
        if not self.optimized.metrics:
            self.optimized.benchmark_model(convert(self.model), self.X, self.y, num_runs=20)
        return capstone.generate_submission(self.report, self.optimized, "Check", ["int8"])


def run_checks() -> bool:
    """Run all seven, print a line for each and a summary; whether all passed."""
    checks = Checks()
    listed: list[tuple[str, Callable[[], str]]] = [
        ("SimpleMLP has 283 parameters", checks.model_count),
        ("BenchmarkReport measures its metrics", checks.benchmark),
        ("generate_submission", checks.submission),
        ("improvements follow from the metrics", checks.improvements),
        ("the schema accepts and refuses", checks.schema),
        ("JSON round trip", checks.round_trip),
        ("save_submission", checks.save),
    ]
    started = time.perf_counter()
    passed = sum([_run_one(number, name, check) for number, (name, check) in enumerate(listed, 1)])
    seconds = time.perf_counter() - started
    style = "bold green" if passed == len(listed) else "bold red"
    say((f"{passed} of {len(listed)} passed", style), f" in {seconds:.1f} s")
    return passed == len(listed)


def _run_one(number: int, name: str, check: Callable[[], str]) -> bool:
    try:
        said = check()
    except Exception as error:
        say((f"{number} FAILED", "red"), f"  {name}: {type(error).__name__}: {error}")
        return False
    say((f"{number} passed", "green"), f"  {name}  ", (said, "dim"))
    return True


def _with_metric(made: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    metrics = {**made["baseline"]["metrics"], name: value}
    return {**made, "baseline": {**made["baseline"], "metrics": metrics}}


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
