"""Sphinx settings of `make docs`; the pages are Markdown (MyST)."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "tinytorch"
author = "tinytorch contributors"
extensions = ["myst_parser"]
exclude_patterns: list[str] = []
myst_heading_anchors = 3
myst_fence_as_directive: list[str] = []
# Links out of docs/ (sources, README) are for readers of the repository.
suppress_warnings = ["myst.xref_missing"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1000px", "description": project}


def setup(app: Sphinx) -> None:
    app.add_lexer("mermaid", TextLexer)  # GitHub draws the diagram; here it is shown as text
