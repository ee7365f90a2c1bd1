"""What `make ladder` writes: the arithmetic of its tables, and the pages that hold them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tinytorch.roofline import Limits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ladder() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("ladder")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def limits(threads: int) -> Limits:
    peaks = {"f32": 100e9 * threads, "bf16": 1000e9 * threads, "int8": 2000e9 * threads}
    return Limits(threads, peaks, {"DRAM": 10e9})


def test_steps_are_held_against_the_roof_of_their_format_and_threads(ladder: ModuleType) -> None:
    measured = {
        "operations": 1e9,
        "bytes": 1e6,
        "steps": [
            {"name": "naive", "format": "f32", "threads": 1, "seconds": 1.0},
            {"name": "threaded", "format": "f32", "threads": 2, "seconds": 0.01},
            {"name": "low", "format": "bf16", "threads": 2, "seconds": 0.001},
        ],
    }
    rows = ladder.step_rows(measured, {1: limits(1), 2: limits(2)})
    assert [row[3:] for row in rows] == [
        ("1.0", "1.0% (f32)", ""),
        ("100.0", "50.0% (f32)", "100.0"),
        ("1,000.0", "50.0% (bf16)", "10.0"),
    ]
    measured["bytes"] = 1e9  # now memory is the roof: 10 Gop/s
    assert ladder.step_rows(measured, {1: limits(1), 2: limits(2)})[0][4] == "10.0% (f32)"


def test_figures_replace_what_is_between_the_markers(ladder: ModuleType) -> None:
    page = f"before\n{ladder.BEGIN}\nold\n{ladder.END}\nafter\n"
    once = ladder.insert(page, "new")
    assert "old" not in once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert ladder.insert(once, "new") == once
    with pytest.raises(ValueError, match="lacks the lines"):
        ladder.insert("no markers", "new")


@pytest.mark.parametrize("name", ["gemm", "convolution", "int8", "attention"])
def test_every_ladder_has_its_page_with_figures(ladder: ModuleType, name: str) -> None:
    page = (ROOT / "docs" / "ladder" / f"{name}.md").read_text()
    figures = page.partition(ladder.BEGIN)[2].partition(ladder.END)[0]
    assert "| naive | 1 |" in figures
    assert "the engine" in figures
    assert "make ladder" in figures
