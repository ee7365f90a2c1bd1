"""Running the command line as a user does: another process, its exit code and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

TIMEOUT = 110


@dataclass
class Result:
    code: int
    out: str
    err: str


def run_program(*arguments: str, cwd: Path | None = None, module: str = "tinytorch") -> Result:
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
    env.pop("TINYTORCH_DEBUG", None)
    env.pop("TINYTORCH_DATA", None)
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tinytorch(tmp_path: Path) -> Callable[..., Result]:
    """Run `tinytorch ARGUMENTS` in tmp_path."""
    return lambda *arguments: run_program(*arguments, cwd=tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder that `tinytorch demo --quick` made, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder / "out", run_program(
        "demo", "--quick", "--out", "out", "--name", "Ada", cwd=folder
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained model file (of the MLP)."""
    folder = tmp_path_factory.mktemp("trained")
    done = run_program("train", "mlp", "--epochs", "3", "--out", "run", cwd=folder)
    assert done.code == 0, done.err
    return folder / "run" / "digits_mlp.safetensors"
