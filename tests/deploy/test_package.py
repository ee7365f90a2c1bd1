"""Packages that run without Python: the same answers, hashes that hold, limits that are kept to."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.deploy import EXECUTABLE, LimitError, Limits, package_for_production
from tinytorch.models import create, load_model, save_model
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.recipes._mirror import MirrorPairs
from tinytorch.report.png import rgb_png

pytestmark = pytest.mark.skipif(not EXECUTABLE.is_file(), reason="the executable is not built")

PICTURES = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    np.random.seed(0)
    network = create("swiftcnn-tiny", mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    network.train()
    for _ in range(20):
        network.forward(Tensor(PICTURES / np.float32(255)))
    network.eval()
    f32 = save_model(folder / "f32", network, "swiftcnn-tiny")
    small = Int8ConvNet.of(network, PICTURES)
    MirrorPairs(network).begin()
    paired = Int8ConvNet.of(network, PICTURES)
    assert paired.mirror_pairs
    return {
        "f32": f32,
        "int8": save_model(folder / "int8", small, "swiftcnn-tiny"),
        "int8 pairs": save_model(folder / "pairs", paired, "swiftcnn-tiny"),
    }


@pytest.fixture(scope="module")
def program(saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program") / "out"
    package_for_production(saved["int8"], folder)
    return folder / "classify"


def classified(folder: Path, files: list[Path], *options: str) -> list[dict[str, Any]]:
    command = [folder / "classify", folder / "model.safetensors", *files, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("form", ["f32", "int8", "int8 pairs"])
def test_a_package_gives_the_answers_of_the_model(
    form: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    manifest = package_for_production(saved[form], tmp_path / "out")
    files = []
    for i, picture in enumerate(PICTURES):
        files.append(tmp_path / f"{i}.raw")
        files[-1].write_bytes(picture.tobytes())
    answers = classified(tmp_path / "out", files, "--top", "10", "--repeat", "1")
    scores = load_model(saved[form]).network.forward(Tensor(PICTURES / np.float32(255))).data
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    names = load_model(saved[form]).config["class_names"]
    for answer, wanted in zip(answers, shares, strict=True):
        found = dict(answer["top"])
        np.testing.assert_allclose([found[name] for name in names], wanted, atol=2e-4)
        assert list(found.values()) == sorted(found.values(), reverse=True)
    assert manifest["int8"] == form.startswith("int8")
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    assert "./classify" in (tmp_path / "out" / "README.md").read_text()


def test_a_png_is_read_like_its_bytes(saved: dict[str, Path], tmp_path: Path) -> None:
    package_for_production(saved["int8"], tmp_path / "out")
    (tmp_path / "a.raw").write_bytes(PICTURES[3].tobytes())
    (tmp_path / "a.png").write_bytes(rgb_png(PICTURES[3].transpose(1, 2, 0)))
    raw, picture = classified(tmp_path / "out", [tmp_path / "a.raw", tmp_path / "a.png"])
    assert raw["top"] == picture["top"]


@pytest.mark.parametrize(
    "limits", [Limits(weights_kb=1), Limits(latency_us=0.01), Limits(memory_mb=0.5)]
)
def test_broken_limits_leave_nothing_behind(
    limits: Limits, saved: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(LimitError, match="at most"):
        package_for_production(saved["int8"], tmp_path / "out", limits=limits)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_packed_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("keep")
    with pytest.raises(ValueError, match="not empty"):
        package_for_production(saved["int8"], tmp_path / "full")
    np.random.seed(0)
    other = save_model(tmp_path / "mlp", create("digits_mlp"), "digits_mlp")
    with pytest.raises(ValueError, match="networks of nodes"):
        package_for_production(other, tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        package_for_production(saved["int8"], tmp_path / "out", executable=tmp_path / "none")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + zlib.compress(b"x"), b"P6 9 9 255\n"]
)
def test_the_program_refuses_what_is_no_picture(
    data: bytes, program: Path, saved: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(data)
    command = [program, saved["int8"], tmp_path / "a"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "neither a PNG" in done.stderr or "cut off" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["m"], ["m", "a", "--top", "x"], ["m", "a", "--what"]])
def test_wrong_arguments_are_told(arguments: list[str], program: Path) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 2)
    assert done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="static on Linux only")
def test_the_program_is_static(program: Path) -> None:
    elf = program.read_bytes()
    (start,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = [struct.unpack_from("<I", elf, start + i * size)[0] for i in range(count)]
    interpreter = 3  # PT_INTERP: what loads shared libraries
    assert interpreter not in kinds
