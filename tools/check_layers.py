#!/usr/bin/env python3
"""Hold the #include lines of cpp/ against the layers: a layer includes only what it may see.

The table of layers is the list of tt_layer(NAME SEES ...) lines in CMakeLists.txt, the same that
the linker gets; what a layer sees, it sees through the layers it names, too. Foreign headers have
their place as well (FOREIGN below).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

# Header prefix -> files (relative to cpp/) that may include it, and why nobody else.
FOREIGN = {
    "Python.h": (r"bindings/.*", "Python ends at the bindings"),
    "pybind11/": (r"bindings/.*", "Python ends at the bindings"),
    "numpy/": (r"bindings/.*", "Python ends at the bindings"),
    "xsimd/": (r"tinytorch/kernels/simd\.hpp", "one file knows xsimd and its versions"),
    "immintrin.h": (r"tinytorch/kernels/.*", "intrinsics belong into per-ISA objects"),
    "arm_neon.h": (r"tinytorch/kernels/.*", "intrinsics belong into per-ISA objects"),
    "nlohmann/": (
        r"(tinytorch/(io|capstone|deploy|text)|bindings|tests)/.*",
        "JSON is read and written in io, capstone, deploy and text",
    ),
    "stb_": (r"tinytorch/deploy/image_file\.cpp", "one file knows how pictures are read"),
    "xtensor/": (r"(tinytorch/array/xt_bridge\.hpp|tests/.*)", "xtensor is behind xt_bridge.hpp"),
    "catch2/": (r"tests/support/catch\.hpp", "one file knows the versions of Catch2"),
}


def read_layers(cmake: str) -> dict[str, set[str]]:
    """Return for each layer the layers it may include: itself and all it sees, transitively."""
    direct = {
        name: {s.removeprefix("tt_") for s in sees.split()}
        for name, sees in re.findall(r"^tt_layer\((\w+)(?: SEES ([^)]*))?\)", cmake, re.MULTILINE)
    }

    def closure(name: str) -> set[str]:
        return {name}.union(*(closure(seen) for seen in direct[name]))

    return {name: closure(name) for name in direct}


def violations(source: str, text: str, layers: dict[str, set[str]]) -> list[str]:
    """Return the forbidden includes of one file; `source` is its path relative to cpp/."""
    found = []
    own = source.split("/")[1] if source.startswith("tinytorch/") else None
    if own is not None and own not in layers:
        return [f"folder {own} is no layer of CMakeLists.txt"]
    for header in INCLUDE.findall(text):
        for prefix, (allowed, reason) in FOREIGN.items():
            if header.startswith(prefix) and not re.fullmatch(allowed, source):
                found.append(f"includes <{header}>: {reason}")
        parts = header.split("/")
        if own is None or parts[0] != "tinytorch":
            continue
        if parts[1] not in layers[own]:
            seen = ", ".join(sorted(layers[own] - {own})) or "nothing"
            found.append(f'includes "{header}": {own} may see {seen}')
    return found


def main() -> int:
    layers = read_layers((ROOT / "CMakeLists.txt").read_text())
    cpp = ROOT / "cpp"
    files = sorted(p for p in cpp.rglob("*") if p.suffix in {".cpp", ".hpp", ".def", ".inc"})
    problems = 0
    for path in files:
        source = path.relative_to(cpp).as_posix()
        for violation in violations(source, path.read_text(), layers):
            print(f"cpp/{source}: {violation}", file=sys.stderr)
            problems += 1
    print(f"layers: {len(files)} files, {len(layers)} layers, {problems} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
