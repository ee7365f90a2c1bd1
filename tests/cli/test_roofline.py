"""`tinytorch roofline`: what is measured is whole and consistent; how fast is not asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tinytorch import _core
from tinytorch.roofline import Limits, Point

QUICK = ("roofline", "--seconds", "0.001")


def test_json_has_limits_and_kernels(tinytorch: Callable, tmp_path: Path) -> None:
    picture = () if importlib.util.find_spec("matplotlib") is None else ("--out", "roof.svg")
    done = tinytorch(*QUICK, "--threads", "1", "--json", *picture)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    limits = found["limits"]
    assert limits["threads"] == 1
    assert set(limits["peaks"]) == {"f32", "bf16", "int8"}
    assert set(limits["bandwidths"]) == {"L1", "L2", "L3", "DRAM", "copy"}
    assert all(rate > 0 for part in ("peaks", "bandwidths") for rate in limits[part].values())
    names = [kernel["name"] for kernel in found["kernels"]]
    assert len(set(names)) == len(names) >= 20
    for kernel in found["kernels"]:
        rate = kernel["operations"] / kernel["seconds"]
        assert kernel["operations_per_second"] == pytest.approx(rate)
        assert kernel["share_of_roof"] > 0
    if picture:
        text = (tmp_path / "roof.svg").read_text()
        assert "<svg" in text


def test_the_roof_is_the_lower_of_peak_and_bandwidth() -> None:
    limits = Limits(1, {"f32": 100.0}, {"L1": 50.0, "DRAM": 10.0})
    assert limits.attainable(2.0) == 20.0
    assert limits.attainable(2.0, level="L1") == 100.0
    assert limits.attainable(1000.0) == 100.0
    point = Point("p", "f32", operations=20.0, bytes=10.0, seconds=2.0, level="DRAM")
    assert point.intensity == 2.0
    assert limits.share(point) == 0.5


def test_peaks_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="use f32, bf16 or int8"):
        _core.roofline.count_multiply_adds("f64", 1)
    with pytest.raises(ValueError, match="at least 0"):
        _core.roofline.count_multiply_adds("f32", -1)
    with pytest.raises(ValueError, match="at least 1"):
        _core.roofline.Traffic(0, 4)
    with pytest.raises(ValueError, match="at least 1"):
        _core.roofline.Traffic(1, 0)
    memory = _core.roofline.Traffic(2, 5)
    assert memory.read(3) == 30.0
    memory.copy(1)
    with pytest.raises(ValueError, match="at least 0"):
        memory.read(-1)
    assert _core.roofline.count_multiply_adds("int8", 0) == 0


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    command = [sys.executable, "-m", "tinytorch", "roofline", "--seconds", "10"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ}
    ) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
