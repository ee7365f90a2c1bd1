"""The app `tinytorch`: its commands, each in its own module."""

from __future__ import annotations

from typing import Annotated

import typer

from .bench import bench
from .capstone import submit, validate
from .compress import prune, quantize
from .demo import demo
from .evaluate import evaluate
from .generate import generate
from .info import info
from .package import package
from .profile import profile
from .report import report
from .roofline import roofline
from .train import train

app = typer.Typer(
    name="tinytorch",
    help="Train, measure, quantize, prune and submit small networks on the CPU.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from .. import __version__

        print(__version__)
        raise typer.Exit


for _command in (
    *(info, demo, train, evaluate, generate, profile, quantize, prune),
    *(bench, submit, validate, report, roofline, package),
):
    app.command()(_command)
