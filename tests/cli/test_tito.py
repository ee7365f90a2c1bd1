"""The course's command runs the capstone's seven checks."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tinytorch.capstone as capstone
from tinytorch.cli.checks import run_checks


def tito(*arguments: str) -> subprocess.CompletedProcess:
    code = "import sys; from tinytorch.cli import tito; sys.argv[0] = 'tito'; tito()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [("test", "capstone"), ("module", "complete", "20")])
def test_all_seven_pass(arguments: tuple[str, ...]) -> None:
    done = tito(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 of 7 passed" in done.stdout
    assert done.stdout.count(" passed  ") == 7


@pytest.mark.parametrize("arguments", [("test", "tensors"), ("module", "complete", "3"), ("fly",)])
def test_anything_else_is_one_line(arguments: tuple[str, ...]) -> None:
    done = tito(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("validate_submission_schema", lambda submission: True),
        ("generate_submission", lambda *a, **k: {"baseline": {"metrics": {}}}),
        ("save_submission", lambda submission, path: path),
    ],
)
def test_a_broken_capstone_fails_them(monkeypatch, capsys, name, broken) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(capstone, name, broken)
    assert run_checks() is False
    assert "FAILED" in capsys.readouterr().out
