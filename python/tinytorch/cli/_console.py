"""Printing: tables and lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


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
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", no_wrap=index >= left)
    for index, row in enumerate(rows):
        made.add_row(*(str(cell) for cell in row), end_section=index in sections)
    return made
