"""Importing is quiet, light and order-free (contract 1.6, 29.8)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACT = json.loads(Path(__file__).with_name("course_api.json").read_text(encoding="utf-8"))
MODULES = sorted(name for name, entries in CONTRACT.items() if "*" not in entries)


def python(code, cwd):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_importing_everything_prints_and_writes_nothing(tmp_path):
    code = "import importlib\n" + "\n".join(f"importlib.import_module({m!r})" for m in MODULES)
    done = python(code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_first(module, tmp_path):
    code = f"import {module}\nfrom tinytorch import Tensor\nassert Tensor._autograd_enabled"
    done = python(code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_optional_package_is_loaded(tmp_path):
    blocked = ["matplotlib", "psutil", "rich", "typer", "torch", "safetensors", "jsonschema"]
    code = f"import sys, importlib\nfor name in {blocked}: sys.modules[name] = None\n" + "\n".join(
        f"importlib.import_module({m!r})" for m in MODULES
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_package_alone_loads_only_the_core(tmp_path):
    code = """
import sys, tinytorch
heavy = ("bench", "perf", "cli", "report", "competition", "capstone", "nn", "text")
loaded = [m for m in sys.modules if m.startswith("tinytorch.") and m.split(".")[1] in heavy]
assert not loaded, loaded
assert "tinytorch.core.dataloader" in sys.modules
assert tinytorch.core.tensor.Tensor is tinytorch.Tensor
tinytorch.nn.Linear, tinytorch.bench.Benchmark, tinytorch.perf.profiling
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_unknown_names_are_attribute_errors():
    import tinytorch

    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = tinytorch.nothing_like_it
    with pytest.raises(ImportError):
        from tinytorch import nothing_like_it  # noqa: F401
    assert tinytorch.__version__ == "0.1.0"
    assert "SimpleMLP" in dir(tinytorch)


def test_capstone_names_at_the_top_are_the_capstones():
    import tinytorch
    from tinytorch import capstone

    for name in ("SimpleMLP", "BenchmarkReport", "generate_submission", "save_submission"):
        assert getattr(tinytorch, name) is getattr(capstone, name)
