"""Tables, and figures with the table of their numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .markup import Markup, tag


@dataclass(frozen=True)
class Column:
    title: str
    numeric: bool = True
    note: str = ""  # a second, quieter line in the head


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    class_: str | None = None,
    row_classes: Sequence[str] | None = None,
) -> Markup:
    """The first cell of a row is its head."""
    head = [
        tag(
            "th",
            column.title,
            tag("small", column.note) if column.note else None,
            scope="col",
            class_="n" if column.numeric else None,
        )
        for column in columns
    ]
    body = [
        tag("tr", _cells(columns, row), class_=row_classes[i] if row_classes else None)
        for i, row in enumerate(rows)
    ]
    inner = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", head)),
        tag("tbody", body),
        class_=class_,
    )
    return tag(
        "div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or "Table"
    )


def _cells(columns: Sequence[Column], row: Sequence[Any]) -> list[Markup]:
    cells = []
    for index, (column, value) in enumerate(zip(columns, row, strict=True)):
        class_ = "n" if column.numeric else None
        if index == 0:
            cells.append(tag("th", value, scope="row", class_=class_))
        else:
            cells.append(tag("td", value, class_=class_))
    return cells


def figure(content: Any, caption: Any, numbers: Markup | None = None) -> Markup:
    """A picture, what to see in it, and its numbers to unfold."""
    return tag(
        "figure",
        content,
        tag("figcaption", caption),
        tag("details", tag("summary", "Numbers"), numbers) if numbers else None,
    )


def section(anchor: str, title: str, *content: Any, lead: Any = None) -> Markup:
    return tag(
        "section",
        tag("h2", title, id=f"{anchor}-title"),
        tag("p", lead, class_="lead") if lead else None,
        content,
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )
