"""sdist -> wheel -> empty environment with NumPy alone -> import -> a short capstone run."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

CAPSTONE = """
import json, sys
import numpy as np
import tinytorch
from tinytorch.capstone import (
    BenchmarkReport, SimpleMLP, generate_submission, save_submission, validate_submission_schema,
)
assert "site-packages" in tinytorch.__file__, tinytorch.__file__
model = SimpleMLP()
assert model.count_parameters() == 283
rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 10)).astype(np.float32), rng.integers(0, 3, 32)
report = BenchmarkReport("wheel")
report.benchmark_model(model, tinytorch.Tensor(x), y, num_runs=5)
submission = generate_submission(report, student_name="wheel")
assert validate_submission_schema(submission) is True
save_submission(submission, sys.argv[1])
print(json.load(open(sys.argv[1]))["baseline"]["metrics"]["parameter_count"])
"""


def run(*command: object, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run outside of the checkout's environment: no PYTHONPATH, no activated .venv."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True
    )
    if check and done.returncode != 0:
        pytest.fail(
            f"{command}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done


@pytest.fixture(scope="module")
def empty_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return python


def test_sdist_has_the_sources_and_no_junk(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ("CMakeLists.txt", "cmake/Dependencies.cmake", "pyproject.toml", "README.md")
    needed += ("LICENSE", "Makefile", "cpp/bindings/module.cpp", "schemas/submission.schema.json")
    assert [n for n in needed if n not in names] == []
    junk = (".so", ".pyc", ".o", ".git", ".whl")
    assert [
        n for n in names if n.endswith(junk) or n.startswith(("build/", "dist/", ".venv"))
    ] == []


def test_wheel_is_small_and_holds_one_extension(wheel: Path) -> None:
    assert wheel.stat().st_size <= 8_000_000
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    extensions = [n for n in names if n.endswith(".so")]
    assert len(extensions) == 1, extensions
    assert extensions[0].startswith("tinytorch/_core.")
    assert {n.split("/")[0].split("-")[0] for n in names} == {"tinytorch"}
    assert [n for n in names if n.endswith((".cpp", ".hpp", ".a", "CMakeLists.txt"))] == []
    assert {"tinytorch/py.typed", "tinytorch/_core/__init__.pyi"} <= set(names)
    assert any("LICENSE" in n for n in names)


def test_environment_holds_numpy_alone(empty_python: Path, tmp_path: Path) -> None:
    listing = run(empty_python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).stdout
    names = {line.split("==")[0].split(" @")[0].lower() for line in listing.splitlines()}
    assert names - {"pip", "setuptools", "wheel"} == {"numpy", "tinytorch"}


def test_capstone_runs(empty_python: Path, tmp_path: Path) -> None:
    done = run(
        empty_python, "-W", "error", "-c", CAPSTONE, tmp_path / "submission.json", cwd=tmp_path
    )
    assert done.stdout.split()[-1] == "283"


@pytest.mark.parametrize("script", ["tinytorch", "tito"])
def test_command_line_without_its_extra_says_so_in_one_line(
    empty_python: Path, tmp_path: Path, script: str
) -> None:
    done = run(empty_python.parent / script, "--help", cwd=tmp_path, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "tinytorch[cli]" in done.stderr
