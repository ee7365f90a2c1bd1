"""The whole page: one file, no network, no script."""

from __future__ import annotations

from pathlib import Path

from .markup import Markup, tag
from .record import Run
from .sections import SECTIONS, headlines

_STYLE = Path(__file__).with_name("style.css")


def page(run: Run) -> str:
    """The report as HTML text."""
    parts = [(anchor, name, make(run)) for anchor, name, make in SECTIONS]
    shown = [(anchor, name, part) for anchor, name, part in parts if part is not None]
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name, _ in shown]
    style = _STYLE.read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{run.title} \u2013 tinytorch"),
        tag("style", Markup(style)),
    )
    body = tag(
        "body",
        _header(run),
        tag("nav", tag("ul", links), aria_label="Contents"),
        tag("main", headlines(run), [part for _, _, part in shown]),
        tag("footer", _footer(run)),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _header(run: Run) -> Markup:
    machine = run.system_info.get("cpu") or run.system_info.get("platform", "")
    threads = run.system_info.get("threads")
    where = f"{machine}, {threads} threads" if threads else machine
    return tag(
        "header",
        tag("p", "tinytorch report", class_="kicker"),
        tag("h1", run.title),
        tag("p", f"{run.started[:10]} \u00b7 {where}", class_="where"),
    )


def _footer(run: Run) -> str:
    version = run.system_info.get("tinytorch_version", "")
    return (
        f"Made by tinytorch {version} from one run. Nothing on this page is loaded from elsewhere."
    )
