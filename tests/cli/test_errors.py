"""Whatever is typed: one line on stderr, an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tinytorch as package
from tinytorch.cli._run import run

BAD_USAGE = [
    ["nonsense"],
    ["--nonsense"],
    ["train"],
    ["train", "mlp", "--epochs", "many"],
    ["train", "mlp", "--epochs", "0"],
    ["train", "mlp", "--lr", "0"],
    ["train", "mlp", "--seed", "-1"],
    ["train", "elephant"],
    ["demo", "--seed", "-1"],
    ["validate"],
    ["evaluate"],
    ["bench"],
    ["profile", "digits_mlp", "--batch", "0"],
    ["prune", "missing"],
    ["roofline", "--seconds", "0"],
    ["roofline", "--threads", "0"],
]
FAILING = [
    ["evaluate", "missing"],
    ["profile", "missing"],
    ["quantize", "missing"],
    ["bench", "missing"],
    ["submit", "missing"],
    ["report", "missing"],
    ["report", "."],
    ["train", "mlp", "--data", "mnist"],
    ["train", "cnn", "--data", "cifar10", "--out", "x"],
    ["train", "mlp", "--out", "/proc/nowhere"],
    ["demo", "--quick", "--out", "/proc/nowhere"],
    ["roofline", "--out", "picture"],
    ["roofline", "--out", "/proc/nowhere/x.png"],
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYTORCH_DATA", raising=False)
    monkeypatch.delenv("TINYTORCH_DEBUG", raising=False)


@pytest.mark.parametrize("arguments", BAD_USAGE, ids=" ".join)
def test_bad_usage_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    assert run("tinytorch", arguments) == 2
    assert_one_line(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", FAILING, ids=" ".join)
def test_failures_are_one_line_and_code_1(
    capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    assert run("tinytorch", arguments) == 1
    assert_one_line(capsys.readouterr().err)


def test_the_process_says_the_same(tinytorch: Callable) -> None:
    for arguments, code in ((BAD_USAGE[0], 2), (FAILING[0], 1)):
        done = tinytorch(*arguments)
        assert done.code == code
        assert_one_line(done.err)


def assert_one_line(text: str) -> None:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("tinytorch")
    assert "Traceback" not in text
    assert "internal error" not in text


def test_damaged_model_files_are_refused_in_one_line(
    capsys: pytest.CaptureFixture, trained: Path, tmp_path: Path
) -> None:
    whole = trained.read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"not a model",
        "cut": whole[: len(whole) // 2],
        "header": b"\xff" * 8 + whole[8:],
    }.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        assert run("tinytorch", ["evaluate", name]) == 1, name
        assert_one_line(capsys.readouterr().err)


def test_debug_shows_where_an_error_arose(tmp_path: Path) -> None:
    env = {**os.environ, "TINYTORCH_DEBUG": "1"}
    command = [sys.executable, "-m", "tinytorch", "evaluate", "missing"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_without_the_extra_a_line_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['typer'] = None; import tinytorch.cli; tinytorch.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [done.stderr.strip()]
    assert 'pip install "tinytorch[cli]"' in done.stderr


def test_an_unread_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m tinytorch info --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_importing_the_package_loads_no_command_line() -> None:
    code = (
        "import sys, tinytorch, tinytorch.cli;"
        "bad = {'typer', 'rich', 'tinytorch.report', 'tinytorch.workflow'} & set(sys.modules);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command_and_version_prints_one(
    tinytorch: Callable, capsys: pytest.CaptureFixture
) -> None:
    shown = tinytorch("--help")
    assert shown.code == 0
    assert tinytorch().out == shown.out
    for verb in (
        *("info", "demo", "train", "evaluate", "profile", "quantize", "prune", "bench", "submit"),
        *("validate", "report", "roofline"),
    ):
        assert f" {verb} " in shown.out
        assert run("tinytorch", [verb, "--help"]) == 0
        assert f"tinytorch {verb}" in capsys.readouterr().out
    assert run("tinytorch", ["--version"]) == 0
    assert capsys.readouterr().out.strip() == package.__version__
