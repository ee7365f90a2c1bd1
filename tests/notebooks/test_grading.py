"""The grading example: all points for a right submission, and the due ones off for wrong ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

jupytext = pytest.importorskip("jupytext", reason="the extra `test` brings jupytext")

ROOT = Path(__file__).resolve().parents[2]
GRADING = ROOT / "notebooks" / "grading"
ASSIGNMENT = GRADING / "nbgrader" / "source" / "layers" / "layers.ipynb"
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.MULTILINE | re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", re.DOTALL)

# What each submission loses.
LOST = {
    "right": set(),
    "sum_for_mean": {"test_cross_entropy"},
    "overflows": {"test_softmax"},
    "in_place": {"test_inputs_stay_as_they_are"},
}


def grade(submission: Path, folder: Path) -> tuple[dict[str, Any], str]:
    report = folder / "grade.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", GRADING]
    command += ["--submission", submission, "--grade", report]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return json.loads(report.read_text()), done.stdout


def test_all_submissions_are_tried() -> None:
    assert {p.stem for p in (GRADING / "submissions").glob("*.py")} == {*LOST, "does_not_import"}


@pytest.mark.parametrize("name", LOST)
def test_submission(name: str, tmp_path: Path) -> None:
    got, output = grade(GRADING / "submissions" / f"{name}.py", tmp_path)
    assert {test for test, row in got["tests"].items() if row["points"] == 0} == LOST[name]
    assert got["of"] == 20
    assert got["points"] == sum(row["points"] for row in got["tests"].values())
    assert f"{got['points']} of 20 points" in output
    assert all(got["tests"][test]["why"] for test in LOST[name])


@pytest.mark.parametrize("text", [None, "", "def linear(x, w, b:\n", "raise SystemExit(0)\n"])
def test_a_module_that_does_not_import_gets_nothing(text: str | None, tmp_path: Path) -> None:
    submission = GRADING / "submissions" / "does_not_import.py"
    if text is not None:
        submission = tmp_path / "my_layers.py"
        submission.write_text(text)
    got, _ = grade(submission, tmp_path)
    assert (got["points"], got["of"]) == (0, 20)


def test_a_missing_file_gets_nothing(tmp_path: Path) -> None:
    got, _ = grade(tmp_path / "nowhere.py", tmp_path)
    assert (got["points"], got["of"]) == (0, 20)


# ---- the nbgrader assignment ---------------------------------------------------------------------


def cells() -> list[tuple[str, dict[str, Any]]]:
    """(source, nbgrader's metadata) of each code cell."""
    nb = jupytext.read(ASSIGNMENT)
    return [(c.source, c.metadata.get("nbgrader", {})) for c in nb.cells if c.cell_type == "code"]


def autograde(code: list[tuple[str, dict[str, Any]]]) -> dict[str, bool]:
    """What passes when the cells run in order and an error does not stop them, as in nbgrader."""
    names: dict[str, Any] = {"__name__": "assignment"}
    passed = {}
    for source, metadata in code:
        try:
            exec(compile(source, "cell", "exec"), names)
            ok = True
        except Exception:
            ok = False
        if metadata.get("grade"):
            passed[metadata["grade_id"]] = ok
        elif not metadata:
            assert ok, source
    return passed


def replaced(old: str, new: str) -> list[tuple[str, dict[str, Any]]]:
    changed = [(source.replace(old, new), metadata) for source, metadata in cells()]
    assert changed != cells()
    return changed


def test_the_solutions_pass_and_are_worth_points() -> None:
    assert autograde(cells()) == dict.fromkeys(
        ["test-linear", "test-softmax", "test-cross-entropy", "test-conv2d"], True
    )
    assert sum(metadata.get("points", 0) for _, metadata in cells()) == 14


def test_without_solutions_nothing_passes() -> None:
    stub = r"\1raise NotImplementedError"
    released = [(SOLUTION.sub(stub, source), metadata) for source, metadata in cells()]
    assert not any(autograde(released).values())


def test_hidden_tests_catch_what_the_visible_ones_do_not() -> None:
    wrong = replaced("np.exp(scores - scores.max(axis=1, keepdims=True))", "np.exp(scores)")
    visible = [(HIDDEN.sub("", source), metadata) for source, metadata in wrong]
    with pytest.warns(RuntimeWarning):
        assert not autograde(wrong)["test-softmax"]
    assert autograde(visible)["test-softmax"]
    # One row: its mean is its sum.
    wrong = replaced("return loss, p / len(labels)", "return loss, p")
    visible = [(HIDDEN.sub("", source), metadata) for source, metadata in wrong]
    assert not autograde(wrong)["test-cross-entropy"]
    assert autograde(visible)["test-cross-entropy"]


def test_graded_cells_are_locked() -> None:
    for _, metadata in cells():
        if metadata:
            assert metadata["grade"] == metadata["locked"] != metadata["solution"]


def test_nbgrader_itself(tmp_path: Path) -> None:
    if shutil.which("nbgrader") is None:
        pytest.skip("nbgrader is not installed")
    course = shutil.copytree(GRADING / "nbgrader", tmp_path / "course")

    def nbgrader(*arguments: str) -> None:
        env = {**os.environ, "PYTHONWARNINGS": "ignore"}
        subprocess.run(["nbgrader", *arguments], cwd=course, check=True, env=env)

    nbgrader("generate_assignment", "layers")
    assert [p.name for p in (course / "release/layers").iterdir()] == ["layers.ipynb"]
    assert "SOLUTION" not in (course / "release/layers/layers.ipynb").read_text()
    for name, source in (("ada", "source"), ("cleo", "release")):
        shutil.copytree(course / source / "layers", course / "submitted" / name / "layers")
    nbgrader("autograde", "layers")
    nbgrader("export")
    grades = (course / "grades.csv").read_text().splitlines()
    scores = {row.split(",")[3]: float(row.split(",")[9]) for row in grades[1:]}
    assert scores == {"ada": 14.0, "cleo": 0.0}
