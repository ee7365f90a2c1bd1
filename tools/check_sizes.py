#!/usr/bin/env python3
"""Report files above 400 lines and Python functions above 60; fail above 600 and 100.

A file has one subject and a function fits a screen: the report says where that got lost.
clang-tidy (make tidy) has the same limit for C++ functions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_WARN, FILE_FAIL = 400, 600
FUNCTION_WARN, FUNCTION_FAIL = 60, 100
SUFFIXES = {".py", ".cpp", ".hpp", ".def", ".cmake", ".sh"}


def sources() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [
        p for line in listing.splitlines() if (p := ROOT / line).suffix in SUFFIXES and p.is_file()
    ]


def long_functions(path: Path, text: str) -> list[tuple[str, int]]:
    if path.suffix != ".py":
        return []
    functions = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    sized = (
        (f"{f.name}, line {f.lineno}", (f.end_lineno or f.lineno) - f.lineno + 1) for f in functions
    )
    return [(name, lines) for name, lines in sized if lines > FUNCTION_WARN]


def main() -> int:
    failed = False
    for path in sources():
        text = path.read_text()
        name, lines = path.relative_to(ROOT).as_posix(), text.count("\n")
        if lines > FILE_WARN:
            failed |= lines > FILE_FAIL
            print(f"{name}: {lines} lines (aim: 250, limit: {FILE_FAIL})")
        for function, length in long_functions(path, text):
            failed |= length > FUNCTION_FAIL
            print(f"{name}: {function}: {length} lines (aim: 40, limit: {FUNCTION_FAIL})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
