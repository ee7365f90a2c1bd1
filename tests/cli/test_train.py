"""Training from the command line: reproducible, and going on after a stop as if there was none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ARGUMENTS = ["train", "mlp", "--epochs", "12", "--seed", "5"]


def test_the_same_seed_gives_the_same_file(tinytorch: Callable, tmp_path: Path) -> None:
    for out in "ab":
        assert tinytorch("train", "mlp", "--epochs", "2", "--seed", "7", "--out", out).code == 0
    name = "digits_mlp.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert tinytorch("train", "mlp", "--epochs", "2", "--seed", "8", "--out", "c").code == 0
    assert (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_resumed_training_ends_with_the_same_bytes(
    tinytorch: Callable, tmp_path: Path, number: signal.Signals
) -> None:
    stopped = _stop_after_first_checkpoint(tmp_path, number)
    assert stopped == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "cut" / "digits_mlp.safetensors").exists()
    refused = tinytorch(*ARGUMENTS, "--out", "cut")
    assert refused.code == 1
    assert "--resume" in refused.err
    differing = tinytorch("train", "mlp", "--lr", "0.5", "--out", "cut", "--resume")
    assert differing.code == 1
    assert "lr" in differing.err
    assert tinytorch("train", "mlp", "--out", "cut", "--resume").code == 0
    assert tinytorch(*ARGUMENTS, "--out", "whole").code == 0
    name = "digits_mlp.safetensors"
    assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def _stop_after_first_checkpoint(folder: Path, number: signal.Signals) -> int:
    command = [sys.executable, "-m", "tinytorch", *ARGUMENTS, "--out", "cut"]
    process = subprocess.Popen(
        command, cwd=folder, env=dict(os.environ), stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    checkpoints = folder / "cut" / "checkpoints"
    while not list(checkpoints.glob("checkpoint-*.json")):
        assert process.poll() is None, "ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    return process.wait(60)
