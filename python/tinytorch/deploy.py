"""Trained networks packed for machines without Python.

    limits = Limits(latency_us=500)
    manifest = package_for_production("swiftcnn-int8.safetensors", "out", limits=limits)

The folder holds a static executable, the weights, `manifest.json` with hashes and the limits that
were checked, and a README that says how to run it. `tinytorch package` does the same.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import _core
from .io import save_json
from .models import load_model
from .models.convnet import ConvNet
from .models.int8_convnet import Int8ConvNet

EXECUTABLE = Path(__file__).resolve().parent / "bin" / "tinytorch-classify.xz"
FORMAT = "tinytorch-package"
_PICTURES = 8


@dataclass(frozen=True)
class Limits:
    """What a package must keep to; None for no limit.

    latency_us: median microseconds of one image. weights_kb: of the weights' file. memory_mb: peak
    resident memory of the running program. Kilobytes and megabytes are powers of 1,000.
    """

    latency_us: float | None = None
    weights_kb: float | None = None
    memory_mb: float | None = None


class LimitError(ValueError):
    """A package would not keep to its limits."""


def package_for_production(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    limits: Limits | None = None,
    executable: str | os.PathLike[str] | None = None,
    runner: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Write the package of a saved network of nodes; its manifest.

    Args:
        model: path of a saved model.
        folder: must not exist, or be empty.
        limits: checked by running the packed program; nothing is written if it fails.
        executable: `tinytorch-classify` for another kind of machine, plain or packed by xz; the
            installed one if left out.
        runner: what runs that executable here, such as ("qemu-aarch64",).

    Raises:
        LimitError: a limit is exceeded; the message has all figures.
        ValueError: a model that is no network of nodes, or a folder that is not empty.
        FileNotFoundError: this installation has no executable.
    """
    target = Path(folder)
    if target.exists() and any(target.iterdir()):
        raise ValueError(f"{target} is not empty")
    saved = load_model(model)
    if not isinstance(saved.network, (ConvNet, Int8ConvNet)):
        raise ValueError(f"{saved.path}: only networks of nodes can be packed, such as swiftcnn")
    program = Path(executable or EXECUTABLE)
    if not program.is_file():
        raise FileNotFoundError(f"there is no {program}: build it with make build")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".package-") as name:
        made = Path(name) / target.name
        made.mkdir()
        _copy(program, saved.path, made)
        measured = _measure(made, saved.network.input_shape, runner)
        _check(measured, limits or Limits())
        manifest = _manifest(made, saved.config, measured, limits or Limits())
        save_json(made / "manifest.json", manifest)
        (made / "README.md").write_text(_readme(saved.config, measured), encoding="utf-8")
        if target.exists():
            target.rmdir()
        made.replace(target)
    return manifest


def _copy(program: Path, weights: Path, folder: Path) -> None:
    data = program.read_bytes()
    (folder / "classify").write_bytes(lzma.decompress(data) if program.suffix == ".xz" else data)
    (folder / "classify").chmod(0o755)
    shutil.copyfile(weights, folder / "model.safetensors")


def _measure(folder: Path, shape: tuple[int, ...], runner: tuple[str, ...]) -> dict[str, float]:
    """Figures of the packed program on noise, which takes as long as photographs do."""
    command = [*runner, str(folder / "classify"), str(folder / "model.safetensors"), "--json"]
    r = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        files = []
        for i in range(_PICTURES):
            file = Path(name) / f"{i}.raw"
            file.write_bytes(r.integers(0, 256, shape, dtype=np.uint8).tobytes())
            files.append(str(file))
        child = subprocess.Popen(
            [*command, *files, "--repeat", "101"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = child.communicate(timeout=600)
    if child.returncode != 0:
        raise ValueError(f"the packed program failed: {err.decode(errors='replace').strip()}")
    lines = [json.loads(line) for line in out.decode().splitlines()]
    figures = {
        "latency_us": statistics.median(line["microseconds"] for line in lines),
        "weights_kb": (folder / "model.safetensors").stat().st_size / 1000,
        "executable_kb": (folder / "classify").stat().st_size / 1000,
    }
    if not runner:  # an emulator's memory is not the program's
        figures["memory_mb"] = lines[-1]["peak_kb"] * 1.024 / 1000
    return figures


def _check(measured: dict[str, float], limits: Limits) -> None:
    broken = [
        f"{key} is {measured[key]:.1f}, at most {most:g}"
        for key, most in asdict(limits).items()
        if most is not None and measured.get(key, 0.0) > most
    ]
    if broken:
        raise LimitError("; ".join(broken))


def _manifest(
    folder: Path, config: dict[str, Any], measured: dict[str, float], limits: Limits
) -> dict[str, Any]:
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("classify", "model.safetensors")
    }
    return {
        "format": FORMAT,
        "version": 1,
        "tinytorch": _core.version,
        "model": config["model"],
        "int8": "ranges" in config["sizes"],
        "training": config.get("training"),
        "sha256": hashes,
        "measured": {**measured, "cpu": _core.cpu_name(), "isa": _core.active_isa()},
        "limits": asdict(limits),
    }


def _readme(config: dict[str, Any], measured: dict[str, float]) -> str:
    sizes = config["sizes"]
    _, height, width = sizes["input_shape"]
    names = config.get("class_names") or [str(i) for i in range(sizes["classes"])]
    return f"""# {config["model"]}

An image classifier that needs nothing but this folder.

    ./classify model.safetensors photo.png

prints the most likely of {len(names)} classes ({", ".join(names)}) and the microseconds it took.
`--json` prints a line of JSON per image, `--top 1` the best class alone. Pictures are PNG, PPM or
PGM, cut and resized to {width} x {height}, or raw bytes in the order (channel, row, column).

When it was packed, one image took {measured["latency_us"]:.0f} microseconds; the weights are
{measured["weights_kb"]:.0f} KB. `manifest.json` has the hashes of the files and the processor.
"""
