"""`tinytorch train cifar10`, on a small set in CIFAR-10's layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinytorch.datasets import TinyShapes
from tinytorch.datasets.cifar import CIFAR10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "cifar-10-batches-bin"
    folder.mkdir()
    for split, names in (
        ("train", [f"data_batch_{i}" for i in range(1, 6)]),
        ("test", ["test_batch"]),
    ):
        pixels, labels = TinyShapes().raw(split)
        for part, name in enumerate(names):
            rows = slice(part * 210, (part + 1) * 210)
            records = np.concatenate(
                [labels[rows, None].astype(np.uint8), pixels[rows].reshape(-1, 3072)], axis=1
            )
            records.tofile(folder / f"{name}.bin")
    return folder.parent


def train(data: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tinytorch", "train", "cifar10", *arguments]
    env = {**os.environ, "TINYTORCH_DATA": str(data), "NO_COLOR": "1", "COLUMNS": "160"}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=110)


def test_a_recipe_trains_saves_and_is_evaluated(data: Path, tmp_path: Path) -> None:
    done = train(data, tmp_path, "--recipe", "quick", "--holdout", "100", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "held-out" in done.stdout
    config = json.loads((tmp_path / "run" / "speednet-small.json").read_text())
    assert config["class_names"] == list(CIFAR10.classes)
    assert config["training"]["holdout"] == 100
    command = [sys.executable, "-m", "tinytorch", "evaluate", "run", "--data", "cifar10", "--json"]
    env = {**os.environ, "TINYTORCH_DATA": str(data)}
    found = json.loads(
        subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True).stdout
    )
    assert found["rows"] == 210
    assert found["images_per_s"] > 0
    assert set(found["recall"]) == set(CIFAR10.classes)
    again = train(data, tmp_path, "--recipe", "quick", "--out", "run")
    assert again.returncode == 1
    assert "--resume" in again.stderr
    other = train(data, tmp_path, "--recipe", "quick", "--out", "run", "--resume", "--seed", "1")
    assert other.returncode == 1
    assert "other settings" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "fast"], "quick, standard, best"),
        (["--recipe", "int8"], "begins with a trained network"),
        (["--precision", "int4"], "precision"),
        (["--teacher", "nowhere"], "nowhere"),
        (["--holdout", "100000"], "holdout"),
    ],
)
def test_wrong_options_are_told(
    arguments: list[str], said: str, data: Path, tmp_path: Path
) -> None:
    done = train(data, tmp_path, *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
