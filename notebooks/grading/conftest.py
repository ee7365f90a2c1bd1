"""`--submission FILE` gives the tests a student's module; the points add up in the summary."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

points = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--submission", default="my_layers.py", help="the student's module")
    parser.addoption("--grade", help="also write the points to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "points(n): what passing this test is worth")
    config.stash[points] = {}


@pytest.fixture(scope="session")
def student(pytestconfig: pytest.Config) -> ModuleType:
    """The submitted module. A module that does not import scores 0; it does not stop the grading."""
    path = Path(pytestconfig.getoption("--submission")).resolve()
    spec = importlib.util.spec_from_file_location("submission", path)
    assert spec is not None, f"{path} is no Python file"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    return module


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """A test's points count once it was called and raised nothing."""
    mark = item.get_closest_marker("points")
    if mark is None:
        return
    record = item.config.stash[points].setdefault(item.name, {"of": mark.args[0], "points": 0})
    if call.excinfo is not None:
        record["why"] = str(call.excinfo.value).partition("\n")[0][:200]
        record["points"] = 0
    elif call.when == "call":
        record["points"] = mark.args[0]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tests = config.stash[points]
    got, of = (sum(test[key] for test in tests.values()) for key in ("points", "of"))
    terminalreporter.write_line(f"{got} of {of} points")
    if config.getoption("--grade"):
        grade = {"points": got, "of": of, "tests": tests}
        Path(config.getoption("--grade")).write_text(json.dumps(grade, indent=2) + "\n")
