"""The program for AArch64, run under qemu-user, answers as the one for this machine does.

`make test-arm64` builds it; without it, or without qemu, there is nothing to test.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch.datasets import CIFAR10Sample
from tinytorch.deploy import EXECUTABLE, package_for_production
from tinytorch.models.shipped import shipped, shipped_names

PROGRAM = Path(__file__).parents[2] / "build" / "arm64" / "cpp" / "apps" / "tinytorch-classify"
QEMU = shutil.which("qemu-aarch64")

pytestmark = pytest.mark.skipif(
    QEMU is None or not PROGRAM.is_file() or not EXECUTABLE.is_file(),
    reason="make test-arm64 builds and runs this",
)


def answers(command: list[str], files: list[Path]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*command, *map(str, files), "--json", "--repeat", "1"],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", [n for n in shipped_names() if n.startswith("swiftcnn")])
def test_predictions_on_photographs_are_those_of_this_machine(name: str, tmp_path: Path) -> None:
    assert QEMU is not None
    package_for_production(shipped(name), tmp_path / "here")
    manifest = package_for_production(
        shipped(name), tmp_path / "arm", executable=PROGRAM, runner=(QEMU,)
    )
    assert manifest["int8"]
    pixels, labels = CIFAR10Sample().raw("test")
    files = []
    for i, picture in enumerate(pixels):
        files.append(tmp_path / f"{i}.raw")
        files[-1].write_bytes(picture.tobytes())
    model = str(tmp_path / "here" / "model.safetensors")
    here = answers([str(tmp_path / "here" / "classify"), model], files)
    there = answers([QEMU, str(tmp_path / "arm" / "classify"), model], files)
    for one, other in zip(here, there, strict=True):
        assert one["top"][0][0] == other["top"][0][0]
        np.testing.assert_allclose(one["top"][0][1], other["top"][0][1], atol=1e-4)
    right = [a["top"][0][0] == CIFAR10Sample.classes[c] for a, c in zip(there, labels, strict=True)]
    assert np.mean(right) > 0.8
