"""What `tinytorch info` finds out."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from ..report import figures
from ..workflow.data import SETS
from ._console import console, say

_VARIABLES = ("TINYTORCH_ISA", "TINYTORCH_NUM_THREADS", "TINYTORCH_DATA", "TINYTORCH_DEBUG")

# package -> what it is for, how to get it
_OPTIONAL = {
    "typer": ("the command line", 'pip install "tinytorch[cli]"'),
    "rich": ("the command line", 'pip install "tinytorch[cli]"'),
    "torch": ("the oracle of the operator tests", "pip install torch==2.13.0"),
    "pytest": ("the tests", 'pip install "tinytorch[test]"'),
    "hypothesis": ("the tests", 'pip install "tinytorch[test]"'),
    "jsonschema": ("the tests", 'pip install "tinytorch[test]"'),
    "safetensors": ("the tests", 'pip install "tinytorch[test]"'),
}


def facts() -> dict[str, Any]:
    """Everything, as plain JSON values."""
    system = _core.capstone.system_info()
    return {
        "tinytorch": {
            "version": system["tinytorch_version"],
            "package": str(Path(__file__).resolve().parent.parent),
            "extension": str(_core.__file__),
        },
        "python": {
            "version": platform.python_version(),
            "executable": sys.executable,
            "numpy": np.__version__,
        },
        "system": platform.platform(),
        "cpu": system["cpu"],
        "isa": {
            "active": _core.active_isa(),
            "supported": list(_core.supported_isas()),
            "features": list(_core.cpu_features()),
        },
        "threads": {
            "used": _core.num_threads(),
            "cores": os.cpu_count(),
            "allowed": len(os.sched_getaffinity(0)),
        },
        "memory": {"total_mb": system["memory_mb"], "available_mb": _available_mb()},
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "data": {name: _data(name) for name in SETS},
        "packages": {name: _package(name) for name in _OPTIONAL},
    }


def show(found: dict[str, Any]) -> None:
    """The same for people."""
    isa, threads, memory = found["isa"], found["threads"], found["memory"]
    lines = [
        ("tinytorch", f"{found['tinytorch']['version']}  [dim]{found['tinytorch']['package']}[/]"),
        ("Python", f"{found['python']['version']}, NumPy {found['python']['numpy']}"),
        ("system", found["system"]),
        ("processor", found["cpu"]),
        ("kernels", f"{isa['active']}  [dim]of {', '.join(isa['supported'])}[/]"),
        (
            "threads",
            f"{threads['used']}  [dim]of {threads['allowed']} allowed, {threads['cores']} cores[/]",
        ),
        ("memory", _memory(memory)),
        *(("variable", f"{name}={value}") for name, value in found["variables"].items()),
    ]
    for name, state in found["data"].items():
        said = "[green]here[/]" if state["found"] else "[yellow]missing[/]"
        lines.append(
            ("data", f"{name} {said}" + (f"  [dim]{state['where']}[/]" if state["where"] else ""))
        )
    for name, text in lines:
        console.print(f"{name:<10} {text}")
    _show_missing(found)


def _show_missing(found: dict[str, Any]) -> None:
    hints = [
        f"{name}: {state['get']}" for name, state in found["data"].items() if not state["found"]
    ]
    hints += [
        f"{name}, for {state['needed_for']}: {state['get']}"
        for name, state in found["packages"].items()
        if state["version"] is None
    ]
    if not hints:
        console.print("\n[green]nothing is missing[/]")
        return
    console.print(
        "\n[bold]missing, and how to get it[/] (none of it is needed for `tinytorch demo`)"
    )
    for hint in hints:
        say(f"  {hint}")


def _memory(memory: dict[str, Any]) -> str:
    total = figures.size(memory["total_mb"] << 20)
    if memory["available_mb"] is None:
        return total
    return f"{total}  [dim]{figures.size(memory['available_mb'] << 20)} available[/]"


def _available_mb() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return None


def _data(name: str) -> dict[str, Any]:
    kind, _ = SETS[name]
    try:
        made = kind()
    except FileNotFoundError as error:
        return {"found": False, "where": None, "get": str(error)}
    where = getattr(made, "folder", None)
    return {"found": True, "where": None if where is None else str(where), "get": None}


def _package(name: str) -> dict[str, Any]:
    needed_for, get = _OPTIONAL[name]
    try:
        version: str | None = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    return {"version": version, "needed_for": needed_for, "get": get}
