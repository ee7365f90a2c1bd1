"""`tinytorch info` tells what the engine itself says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from tinytorch import _core


def test_json_agrees_with_the_engine(tinytorch: Callable) -> None:
    done = tinytorch("info", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["tinytorch"]["version"] == _core.version
    assert found["isa"]["supported"] == list(_core.supported_isas())
    assert found["isa"]["active"] in found["isa"]["supported"]
    assert found["cpu"] == _core.cpu_name()
    assert found["threads"]["used"] >= 1
    assert found["data"]["digits"]["found"] is True
    assert found["data"]["mnist"]["found"] is False
    assert "TINYTORCH_DATA" in found["data"]["mnist"]["get"]
    assert found["packages"]["rich"]["version"]


def test_the_instruction_set_can_be_capped() -> None:
    env = {**os.environ, "TINYTORCH_ISA": "baseline", "TINYTORCH_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tinytorch", "info", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["isa"]["active"] == "baseline"
    assert found["threads"]["used"] == 1
    assert found["variables"]["TINYTORCH_ISA"] == "baseline"


def test_people_read_what_is_missing_and_how_to_get_it(tinytorch: Callable) -> None:
    done = tinytorch("info")
    assert done.code == 0
    assert "missing, and how to get it" in done.out
    assert "TINYTORCH_DATA" in done.out
