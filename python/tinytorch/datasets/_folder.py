"""Finding the files of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "TINYTORCH_DATA"
PathLike = str | os.PathLike[str]


def find(
    name: str, root: PathLike | None, folders: Iterable[str], files: Iterable[str], source: str
) -> Path:
    """The first of `folders` (below the root) that has one of `files`.

    FileNotFoundError names what was looked for, where, the variable to set, and the `source`.
    """
    folders, files = list(folders), list(files)
    given = os.environ.get(VARIABLE) if root is None else os.fspath(root)
    base = Path(given) if given else None
    if base is not None:
        for folder in folders:
            if any((base / folder / file).is_file() for file in files):
                return base / folder
    wanted = " or ".join(files)
    if base is None:
        where = f"{VARIABLE} is not set"
    else:
        where = f"{wanted} is not in {base} nor in its " + ", ".join(f for f in folders if f != ".")
    raise FileNotFoundError(
        f"{name} was not found: {where}. Set {VARIABLE} to the folder that holds the data sets "
        f"(or pass root=...). Its files: {source}"
    )


def first_file(folder: Path, files: Iterable[str]) -> Path:
    """The first of `files` in `folder`; FileNotFoundError names them all."""
    files = list(files)
    for file in files:
        if (folder / file).is_file():
            return folder / file
    raise FileNotFoundError(f"{' or '.join(files)} is missing in {folder}")
