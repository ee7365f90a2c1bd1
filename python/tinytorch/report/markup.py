"""HTML and SVG as text that cannot be mistaken for anything else: what is not Markup is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

_VOID = frozenset({"br", "hr", "img", "meta", "link", "input", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """`<name attributes>children</name>`.

    Children: Markup as it is, other values escaped, None left out, lists and tuples joined.
    Attributes: underscores become hyphens (a trailing one, as in `class_`, is dropped); None and
    False are left out, True gives a bare attribute.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(f" {key}" if value is True else f' {key}="{escape(_text(value))}"')
    if name in _VOID:
        return Markup("".join(parts) + ">")
    return Markup("".join(parts) + ">" + join(children) + f"</{name}>")


def join(children: Any) -> Markup:
    """All children one after the other."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, (list, tuple)):
        return Markup("".join(join(child) for child in children))
    return Markup(escape(_text(children), quote=False))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
