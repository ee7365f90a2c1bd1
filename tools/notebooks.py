#!/usr/bin/env python3
"""Write notebooks/**/*.ipynb from the paired .py files, without outputs (make notebooks).

    python tools/notebooks.py                           write them
    python tools/notebooks.py --check                   fail if one is out of date or has outputs
    python tools/notebooks.py --repository me/tinytorch  also point the Colab and Binder links there

The .py files (jupytext, percent format) are the source. Cell ids are numbers, so that the same
source gives the same file.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
LINK = re.compile(
    r"(colab\.research\.google\.com/github/|mybinder\.org/v2/gh/|git\+https://github\.com/)"
    r"[\w.-]+/[\w.-]+"
)


def sources() -> list[Path]:
    return sorted(p for p in FOLDER.rglob("*.py") if "format_name: percent" in p.read_text())


def as_ipynb(source: Path) -> str:
    """The notebook that belongs to a source, as JSON text."""
    notebook = jupytext.read(source)
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def check() -> int:
    stale = [s for s in sources() if read(s.with_suffix(".ipynb")) != as_ipynb(s)]
    for source in stale:
        print(f"{source.with_suffix('.ipynb')} is not what {source.name} makes: run make notebooks")
    return 1 if stale else 0


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--repository", help="owner/name on GitHub")
    options = parser.parse_args(arguments)
    if options.check:
        return check()
    for source in sources():
        if options.repository:
            source.write_text(LINK.sub(rf"\g<1>{options.repository}", read(source)), "utf-8")
        source.with_suffix(".ipynb").write_text(as_ipynb(source), "utf-8")
        print(source.with_suffix(".ipynb").relative_to(FOLDER.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
