"""The comparing half of `make bench-check`; what is counted is not asserted here."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bench_check() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("bench_check")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def verdicts(changes: list[Any]) -> dict[str, str]:
    return {c.name: c.verdict for c in changes}


def test_counts_beyond_the_tolerance_are_named(bench_check: ModuleType) -> None:
    before = {"same": 1000, "grown": 1000, "shrunk": 1000, "edge": 1000, "gone": 1000}
    now = {"same": 1029, "grown": 1031, "shrunk": 900, "edge": 1030, "new": 5}
    assert verdicts(bench_check.compare_counts(before, now, 0.03)) == {
        "same": "same",
        "grown": "worse",
        "shrunk": "better",
        "edge": "same",
        "new": "new",
        "gone": "gone",
    }


def row(peer: str, median: float, spread: float = 0.01, run: int = 1) -> dict[str, Any]:
    return {
        "workload": "gemm_f32", "case": "512", "threads": 1, "peer": peer, "run": run,
        "median_s": median, "min_s": median * 0.98, "p90_s": median * (1 + spread),
    }  # fmt: skip


def test_ratios_are_ours_beside_the_fastest_peer_of_the_same_run(bench_check: ModuleType) -> None:
    rows = [row("Tinytorch", 1.0), row("torch", 3.0), row("ort", 2.0), row("openvino", 0.1, run=2)]
    rows.append({"workload": "gemm_f32", "case": "512", "threads": 1, "peer": "numpy", "error": ""})
    [(name, (ratio, spread))] = bench_check.peer_ratios({"results": rows}).items()
    assert name == "gemm_f32 512 f32, 1 thread"
    assert ratio == pytest.approx(2.0)
    assert spread == pytest.approx(0.02)


def test_a_ratio_falls_where_the_spread_does_not_explain_it(bench_check: ModuleType) -> None:
    before = {"a": (2.0, 0.02), "b": (2.0, 0.02), "noisy": (2.0, 0.02), "up": (2.0, 0.02)}
    now = {"a": (1.7, 0.02), "b": (1.95, 0.0), "noisy": (1.7, 0.3), "up": (2.4, 0.02)}
    found = verdicts(bench_check.compare_ratios(before, now | {"only here": (1.0, 0.0)}))
    assert found == {"a": "worse", "b": "same", "noisy": "same", "up": "better"}


def test_a_profile_without_counts_is_an_error(bench_check: ModuleType) -> None:
    assert bench_check.read_total("events: Ir\nfn=x\n1 2\nsummary: 123\ntotals: 123\n") == 123
    with pytest.raises(SystemExit, match="counted nothing"):
        bench_check.read_total("events: Ir\nsummary: 0\n")


def test_without_valgrind_a_line_says_how_to_get_it(
    bench_check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_check.py"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt-get install valgrind"):
        bench_check.main()
