#!/usr/bin/env python3
"""Write python/tinytorch/_core.pyi from the built extension; --check only compares."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "python" / "tinytorch" / "_core.pyi"
HEADER = '"""The C++ engine, for type checkers; `make stubs` writes this file."""\n'


def generate() -> str:
    with tempfile.TemporaryDirectory() as folder:
        run("pybind11_stubgen", "tinytorch._core", "--output-dir", folder, "--ignore-all-errors")
        made = Path(folder, "tinytorch", "_core.pyi")
        body = made.read_text()
        made.write_text(HEADER + body)
        run(
            "ruff",
            "check",
            "--quiet",
            "--fix",
            "--exit-zero",
            "--config",
            "pyproject.toml",
            str(made),
        )
        run("ruff", "format", "--quiet", "--config", "pyproject.toml", str(made))
        return made.read_text()


def run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


def main() -> int:
    text = generate()
    if "--check" not in sys.argv[1:]:
        STUB.write_text(text)
        print(f"{STUB.relative_to(ROOT)}: {text.count(chr(10))} lines")
        return 0
    committed = STUB.read_text() if STUB.exists() else ""
    if committed == text:
        return 0
    sys.stderr.writelines(
        difflib.unified_diff(
            committed.splitlines(True), text.splitlines(True), "committed", "built"
        )
    )
    print("stubs: _core.pyi does not match the extension; run `make stubs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
