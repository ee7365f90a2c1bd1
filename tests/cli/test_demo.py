"""The demo end to end, its files, and Ctrl-C in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinytorch.capstone import load_submission
from tinytorch.models import load_model
from tinytorch.report import Run
from tinytorch.workflow.data import load
from tinytorch.workflow.measure import scores

KEYS = ["baseline", "int8", "pruned", "sparse", "pruned_int8"]


def test_it_reaches_its_target_and_says_so(demo: tuple) -> None:
    _, done = demo
    assert done.code == 0, done.out + done.err
    assert done.err == ""
    assert "every baseline reaches 95" in done.out
    for word in ("Baseline", "INT8", "Pruned", "Sparse", "Pruned + INT8", "conv2", "fc1"):
        assert word in done.out


def test_files_are_complete_and_models_say_what_was_measured(demo: tuple) -> None:
    folder, _ = demo
    run = Run.load(folder / "run.json")
    data = load("digits")
    assert [model.key for model in run.models] == ["digits_mlp", "digits_cnn"]
    for model in run.models:
        assert [variant.key for variant in model.variants] == KEYS
        for variant in model.variants:
            network = load_model(folder / str(variant.file)).network
            right = scores(network, data.images).argmax(1) == data.labels
            assert variant.metrics["accuracy"] == pytest.approx(np.mean(right))
            assert np.trace(variant.confusion) == right.sum()
            assert variant.metrics["latency_ms_mean"] > 0
            assert (
                sum(c.stored_bytes for c in variant.layers) == variant.metrics["model_size_bytes"]
            )
        sizes = [v.metrics["model_size_bytes"] for v in model.variants]
        assert sizes[4] < min(sizes[:4])
        assert sizes[1] < 0.3 * sizes[0]
        assert model.training is not None
        assert model.training.test_accuracy[-1] == model.variants[0].metrics["accuracy"]
    assert len(run.examples) == 18


def test_the_submission_is_valid_and_of_what_was_measured(demo: tuple) -> None:
    folder, _ = demo
    submission = load_submission(folder / "submission.json")
    assert submission["student_name"] == "Ada"
    run = Run.load(folder / "run.json")
    variants = {v.key: v for v in run.models[1].variants}
    assert submission["baseline"]["metrics"] == variants["baseline"].metrics
    assert submission["optimized"]["metrics"] == variants["pruned_int8"].metrics
    assert submission["optimized"]["techniques_applied"] == variants["pruned_int8"].techniques
    text = (folder / "submission.json").read_text()
    assert json.loads(text) == submission


@pytest.mark.slow
def test_the_same_seed_gives_the_same_models(demo: tuple, tmp_path: Path) -> None:
    folder, _ = demo
    again = _run_demo(tmp_path)
    again.communicate(timeout=110)
    assert again.returncode == 0
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(names) == 10
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes(), name


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    process = _run_demo(tmp_path)
    first = tmp_path / "out" / "digits_mlp.baseline.safetensors"
    deadline = time.monotonic() + 60
    while not first.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert "interrupted" in out.splitlines()[-1]
    assert first.name in out.splitlines()[-1]
    load_model(first)
    assert not list((tmp_path / "out").glob(".*"))


def _run_demo(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tinytorch", "demo", "--quick", "--out", "out"],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
