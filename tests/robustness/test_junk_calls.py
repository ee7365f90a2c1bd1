"""No input crashes or hangs the process: everything public is called with junk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "junk_calls.py"
SLOW = os.environ.get("TINYTORCH_TEST_PROFILE") == "slow"


@pytest.mark.parametrize("seed", range(20 if SLOW else 1))
def test_no_call_ends_the_process(seed: int, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    done = subprocess.run(
        [sys.executable, SCRIPT, log, str(seed), "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    calls = log.read_text(encoding="utf-8").splitlines()
    assert done.returncode == 0, f"{calls[-1]}\n{done.stderr[-3000:]}"
    assert calls[-1] == "done"
    assert len(calls) > 5000
