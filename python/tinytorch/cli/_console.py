"""Printing: tables and lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 140  # of tables that go to a file or another program


def _console() -> Console:
    made = Console(highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPE_WIDTH
    return made


console = _console()


def say(*parts: str | tuple[str, str]) -> None:
    """One line on stdout, however long, of texts and (text, style) pairs; none of it is markup."""
    console.print(Text.assemble(*parts), soft_wrap=True)


def print_json(value: Any) -> None:
    """Indented JSON on stdout, without colours or wrapping; ValueError for NaN and infinity."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str | None = None,
    left: int = 1,
    sections: Sequence[int] = (),
) -> Table:
    """A table whose first `left` columns are text and the others numbers; a rule after the rows
    whose indices are in `sections`."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", no_wrap=True)
    for index, row in enumerate(rows):
        made.add_row(*(str(cell) for cell in row), end_section=index in sections)
    return made
