"""The notebooks run from top to bottom, draw their pictures, and are stored without outputs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the extra `test` brings jupytext")
nbclient = pytest.importorskip("nbclient", reason="the extra `test` brings nbclient")

from tinytorch.exercises import exercises  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
NAMES = [
    *("00_quickstart", "01_capstone", "02_profile_and_optimise", "03_cifar10"),
    *("04_tiny_gpt", "05_your_own_challenge", "06_systems_questions"),
]
notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)


def cells(source: Path, kind: str) -> list[str]:
    return [c.source for c in jupytext.read(source).cells if c.cell_type == kind]


def code(source: Path) -> str:
    return "\n".join(cells(source, "code"))


def test_all_notebooks_are_here() -> None:
    assert [p.stem for p in SOURCES] == NAMES


def test_pairs_are_in_step() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "notebooks.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@notebook
def test_outputs_are_stripped(source: Path) -> None:
    stored = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    for cell in stored["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@notebook
def test_it_opens_in_one_click_and_says_what_it_gives(source: Path) -> None:
    first, *rest = cells(source, "markdown")
    name = re.escape(source.stem)
    assert re.search(rf"colab\.research\.google\.com/github/\S+/notebooks/{name}\.ipynb", first)
    assert re.search(rf"mybinder\.org/v2/gh/\S+labpath=notebooks/{name}\.ipynb", first)
    assert "**At the end you will have**" in first
    assert any(text.startswith("## Exercises") or "\n## Exercises" in text for text in rest)


@notebook
def test_only_public_names_are_used(source: Path) -> None:
    for node in ast.walk(ast.parse(code(source))):
        if isinstance(node, ast.ImportFrom):
            assert not any(part.startswith("_") for part in (node.module or "").split("."))
            assert not any(alias.name.startswith("_") for alias in node.names)
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr.startswith("__"), node.attr


def test_every_exercise_is_asked_once() -> None:
    asked = [
        (source.stem[:2], name)
        for source in SOURCES
        for name in re.findall(r'check\("([\d.]+)"', code(source))
    ]
    assert [name for _, name in asked] == exercises()
    assert all(name.startswith(notebook + ".") for notebook, name in asked)


@notebook
@pytest.mark.timeout(600)  # a minute on an idle machine is much more on a busy one
def test_it_runs_and_draws(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYTORCH_DATA", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("PYTHONWARNINGS", "error::DeprecationWarning:tinytorch")
    monkeypatch.setenv("IPYTHONDIR", os.fspath(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", os.fspath(tmp_path / "jupyter"))
    nb = jupytext.read(source.with_suffix(".ipynb"))
    resources = {"metadata": {"path": os.fspath(tmp_path)}}
    nbclient.NotebookClient(nb, timeout=500, kernel_name="python3", resources=resources).execute()

    outputs = [out for cell in nb.cells for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == code(source).count("plt.show()") >= 2
    assert all(len(out["data"]["image/png"]) > 4000 for out in pictures)
    errors = [out["text"] for out in outputs if out.get("name") == "stderr"]
    assert errors == []
    verdicts = [out["data"]["text/plain"] for out in outputs if "text/plain" in out.get("data", {})]
    verdicts = [text for text in verdicts if re.match(r"\d\d\.\d ", text)]
    assert len(verdicts) == code(source).count("\ncheck(")
    assert all(" open: " in text for text in verdicts), "an exercise is stored with an answer"
