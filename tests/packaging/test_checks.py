"""The checks that `make lint` runs hold for this tree, and each can fail."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import tinytorch
import tinytorch._core

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"tools/{name}.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_one_version_everywhere() -> None:
    match = re.search(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)
    assert match is not None
    versions = {
        match[1],
        tinytorch.__version__,
        tinytorch._core.version,
        metadata.version("tinytorch"),
    }
    assert versions == {match[1]}


def test_numpy_is_the_only_dependency() -> None:
    assert re.search(r'^dependencies = \["numpy>=1\.26"\]$', PYPROJECT, re.MULTILINE)


def test_build_extra_names_the_build_requirements() -> None:
    requires = re.search(r"^requires = \[(.*)\]$", PYPROJECT, re.MULTILINE)
    extra = re.search(r"^build = \[(.*)\]$", PYPROJECT, re.MULTILINE)
    assert requires is not None
    assert extra is not None
    assert set(requires[1].split(", ")) <= set(extra[1].split(", "))


def test_includes_keep_to_the_layers() -> None:
    done = run_tool("check_layers")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("tinytorch/base/x.hpp", '#include "tinytorch/array/array.hpp"'),
        ("tinytorch/kernels/x.cpp", '#include "tinytorch/ops/ops.hpp"'),
        ("tinytorch/capstone/x.cpp", '#include "tinytorch/nn/module.hpp"'),
        ("tinytorch/nn/x.cpp", "#include <Python.h>"),
        ("tinytorch/array/x.hpp", "#include <xtensor/xarray.hpp>"),
        ("tinytorch/nowhere/x.hpp", ""),
    ],
)
def test_layer_check_finds(source: str, text: str) -> None:
    tool = load_tool("check_layers")
    layers = tool.read_layers((ROOT / "CMakeLists.txt").read_text())
    assert len(tool.violations(source, text, layers)) == 1


def test_layers_see_through_the_layers_they_name() -> None:
    tool = load_tool("check_layers")
    layers = tool.read_layers("tt_layer(a)\ntt_layer(b SEES tt_a)\ntt_layer(c SEES tt_b)\n")
    assert layers == {"a": {"a"}, "b": {"a", "b"}, "c": {"a", "b", "c"}}


def test_isa_objects_share_no_symbol() -> None:
    if not any(ROOT.glob("build/dev/CMakeFiles/tt_kernel_*")):
        pytest.skip("build/dev holds no kernel objects (make build)")
    done = run_tool("check_weak_symbols", "build/dev")
    assert done.returncode == 0, done.stderr


def test_symbol_check_finds_a_shared_inline_function() -> None:
    tool = load_tool("check_weak_symbols")
    own, shared = "_ZN2tt7kernels8isa_avx23addEPf", "_ZSt3maxIfERKT_S2_S2_"
    listing = f"{own} T 0 10\n{shared} W 0 8\nDW.ref.__gxx_personality_v0 V 0 8\n"
    assert tool.foreign_symbols(listing, "avx2") == [shared]
    assert tool.foreign_symbols(listing, "avx512") == [own, shared]
