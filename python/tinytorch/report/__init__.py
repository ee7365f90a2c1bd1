"""One self-contained HTML page of what a run measured.

write_report(Run.load("run.json"), "report.html")
"""

from __future__ import annotations

import os

from .. import _core
from .page import page
from .record import Run, from_submission

__all__ = ["Run", "from_submission", "page", "write_report"]


def write_report(run: Run, path: str | os.PathLike[str]) -> None:
    """Write the page, atomically."""
    _core.io.write_file_atomic(os.fsencode(path), page(run).encode("utf-8"))
