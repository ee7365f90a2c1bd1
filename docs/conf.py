"""Sphinx settings of `make docs`; the pages are Markdown (MyST)."""

from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from tinytorch import _core

project = "tinytorch"
author = "tinytorch contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_default_options = {"ignore-module-all": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what may be given; most annotations are Any
exclude_patterns: list[str] = []
myst_heading_anchors = 3
myst_fence_as_directive: list[str] = []
# Links out of docs/ (sources, README) are for readers of the repository.
suppress_warnings = ["myst.xref_missing"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1000px", "description": project}


def operator_signature(
    _app: Sphinx, _what: str, name: str, _object: Any, _options: Any, *_signature: str | None
) -> tuple[str, str] | None:
    """The signature from the registry of operators: shorter than what pybind11 writes."""
    module, _, operator = name.rpartition(".")
    if module != "tinytorch._core.ops":
        return None
    return f"({_core.operator_registry()[operator]['signature']})", ""


def plain_formulas(
    _app: Sphinx, _what: str, name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """The engine's documentation is plain text, where | and * are no markup."""
    if name.startswith("tinytorch._core."):
        lines[:] = [line.replace("|", r"\|").replace("*", r"\*") for line in lines]


def setup(app: Sphinx) -> None:
    app.add_lexer("mermaid", TextLexer)  # GitHub draws the diagram; here it is shown as text
    app.connect("autodoc-process-signature", operator_signature)
    app.connect("autodoc-process-docstring", plain_formulas)
