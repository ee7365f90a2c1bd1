"""The app `tinytorch`: its commands, each in its own module."""

from __future__ import annotations

from typing import Annotated

import typer

from . import bench, capstone, compress, demo, evaluate, info, profile, report, train

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


for _name, _command in (
    ("info", info.info),
    ("demo", demo.demo),
    ("train", train.train),
    ("evaluate", evaluate.evaluate),
    ("profile", profile.profile),
    ("quantize", compress.quantize),
    ("prune", compress.prune),
    ("bench", bench.bench),
    ("submit", capstone.submit),
    ("validate", capstone.validate),
    ("report", report.report),
):
    app.command(_name)(_command)
