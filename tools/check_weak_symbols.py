#!/usr/bin/env python3
"""Check that no per-ISA object exports code that other objects could end up running.

usage: check_weak_symbols.py BUILD_FOLDER

Kernel sources are compiled once per instruction set. Of each weak symbol (an inline function or a
template that was not inlined) the linker keeps one copy, possibly the one with AVX-512
instructions, and every caller gets that one. So an object of an ISA above the baseline may define
only symbols whose name carries that ISA's namespace, isa_<name>.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

OBJECT_FOLDER = re.compile(
    r"tt_kernel_\w+?_(avx2|avx_vnni|avx512|avx512_vnni|avx512_bf16|amx|neon_dot)\.dir"
)
DEFINED = frozenset("TDBRVWuGS")  # text, data, bss, read-only, weak, unique: visible to the linker


def foreign_symbols(listing: str, isa: str) -> list[str]:
    """Return the symbols of an `nm -P` listing that are defined outside the namespace of `isa`."""
    namespace = f"isa_{isa}"
    tagged = f"{len(namespace)}{namespace}"  # as the Itanium ABI writes a name: length, text
    found = []
    for line in listing.splitlines():
        name, kind, *_ = line.split()
        if name.startswith("DW.ref."):  # a pointer for unwinding, the same in every object
            continue
        if kind in DEFINED and tagged not in name:
            found.append(name)
    return found


def nm_command() -> str:
    tool = shutil.which("nm")
    if tool is None:
        raise SystemExit("check_weak_symbols: nm is missing: sudo apt-get install binutils")
    return tool


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    build = Path(sys.argv[1])
    objects = [
        (path, match[1])
        for path in sorted(build.rglob("*.o"))
        if (match := OBJECT_FOLDER.search(path.as_posix()))
    ]
    if not objects:
        raise SystemExit(f"check_weak_symbols: {build} has no kernel objects; build _core first")
    problems = 0
    for path, isa in objects:
        listing = subprocess.run(
            [nm_command(), "-P", "--extern-only", "--defined-only", str(path)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for symbol in foreign_symbols(listing, isa):
            print(f"{path.relative_to(build)}: {symbol} is not in isa_{isa}", file=sys.stderr)
            problems += 1
    print(f"weak symbols: {len(objects)} objects, {problems} foreign symbols")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
