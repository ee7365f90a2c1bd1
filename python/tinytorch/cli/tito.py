"""The app `tito`: the course's own words for running the capstone's checks."""

from __future__ import annotations

from typing import Annotated

import typer

from ._run import Failure

CAPSTONE_MODULE = "20"

app = typer.Typer(
    name="tito",
    help="The course's command: runs the capstone's checks. Everything else: tinytorch --help.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
_module = typer.Typer(help="Modules of the course.")
app.add_typer(_module, name="module")


@app.callback()
def options() -> None:
    """Keeps `test` a subcommand."""


@app.command()
def test(
    name: Annotated[str, typer.Argument(help="What to test: capstone.")],
) -> None:
    """Run the seven checks of the capstone."""
    if name.lower() not in ("capstone", CAPSTONE_MODULE, f"{CAPSTONE_MODULE}_capstone"):
        raise Failure(f"there are checks for capstone alone, not for {name!r}", 2)
    _checks()


@_module.command()
def complete(number: Annotated[str, typer.Argument(help="The module: 20.")]) -> None:
    """Run a module's checks; 20 is the capstone."""
    if number.lower() not in (CAPSTONE_MODULE, "capstone", f"{CAPSTONE_MODULE}_capstone"):
        raise Failure(f"there are checks for module {CAPSTONE_MODULE} alone, not for {number!r}", 2)
    _checks()


def _checks() -> None:
    from .checks import run_checks

    if not run_checks():
        raise typer.Exit(1)
