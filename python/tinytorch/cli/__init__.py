"""The commands `tinytorch` and `tito`. Nothing heavy is loaded before a command needs it."""

from __future__ import annotations

import sys

_HINT = 'the command line needs typer and rich: pip install "tinytorch[cli]"'


def main() -> None:
    """Entry point of `tinytorch`; never returns."""
    _start("tinytorch")


def tito() -> None:
    """Entry point of `tito`, the course's own command; never returns."""
    _start("tito")


def _start(program: str) -> None:
    try:
        import rich
        import typer

        del rich, typer
    except ImportError as error:
        sys.exit(f"{program}: {_HINT} ({error.name} is missing)")
    from ._run import run

    sys.exit(run(program, sys.argv[1:]))
