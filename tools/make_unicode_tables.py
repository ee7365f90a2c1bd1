"""Write cpp/tinytorch/text/unicode_classes.inc: which code points are letters, numbers and spaces.

    pip install unicodedata2==16.0.0    # or run it with Python 3.14
    python tools/make_unicode_tables.py

The classes are those of the regular expressions that split text into words: \\p{L} and \\p{N}, the
general categories L* and N*, and \\s, the property White_Space (the categories Z* and the controls
U+0009 to U+000D and U+0085). The version is fixed: the file is the same on every run.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

VERSION = "16.0.0"
TARGET = Path(__file__).resolve().parent.parent / "cpp/tinytorch/text/unicode_classes.inc"
WHITE_CONTROLS = {*range(0x09, 0x0E), 0x85}
OTHER, LETTER, NUMBER, SPACE = range(4)  # as CharClass in unicode_classes.hpp
PER_LINE = 12


def database() -> Any:
    """The module with the tables of VERSION."""
    for name in ("unicodedata", "unicodedata2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if module.unidata_version == VERSION:
            return module
    raise SystemExit(
        f"make_unicode_tables: needs Unicode {VERSION}: pip install unicodedata2=={VERSION}, "
        "or Python 3.14"
    )


def class_of(code: int, category: str) -> int:
    if code in WHITE_CONTROLS or category[0] == "Z":
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)


def starts(unicodedata: Any) -> list[int]:
    """For each run of code points of one class: first code point * 4 + class."""
    found, last = [], -1
    for code in range(sys.maxunicode + 1):
        now = class_of(code, unicodedata.category(chr(code)))
        if now != last:
            found.append(code * 4 + now)
            last = now
    return found


def main(target: Path) -> None:
    runs = [f"{start:#x}" for start in starts(database())]
    lines = [", ".join(runs[i : i + PER_LINE]) + "," for i in range(0, len(runs), PER_LINE)]
    head = f"// Unicode {VERSION}; tools/make_unicode_tables.py writes this file."
    target.write_text("\n".join([head, *lines]) + "\n", encoding="ascii")
    print(f"{target}: {len(runs)} runs")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
