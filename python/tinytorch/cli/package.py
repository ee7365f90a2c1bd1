"""`tinytorch package`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import Model
from ._run import Failure


def package(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder.")],
    max_latency_us: Annotated[
        float | None, typer.Option(min=0, help="Fail if one image takes longer.")
    ] = None,
    max_weights_kb: Annotated[
        float | None, typer.Option(min=0, help="Fail if the weights are larger.")
    ] = None,
    max_memory_mb: Annotated[
        float | None, typer.Option(min=0, help="Fail if the program needs more.")
    ] = None,
    executable: Annotated[
        Path | None, typer.Option(help="tinytorch-classify for another kind of machine.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(help="What runs it here, such as qemu-aarch64.")
    ] = None,
) -> None:
    """Pack a model with a static executable: a folder that runs without Python."""
    from ..deploy import LimitError, Limits, package_for_production
    from ._console import say
    from ._models import open_model

    limits = Limits(max_latency_us, max_weights_kb, max_memory_mb)
    try:
        manifest = package_for_production(
            open_model(model).path, out, limits=limits, executable=executable,
            runner=tuple(runner.split()) if runner else (),
        )  # fmt: skip
    except LimitError as error:
        raise Failure(f"nothing was written: {error}") from None
    figures = manifest["measured"]
    memory = f", {figures['memory_mb']:.1f} MB of memory" if "memory_mb" in figures else ""
    say(
        f"{out}: {figures['latency_us']:.0f} us per image, {figures['weights_kb']:.0f} KB of "
        f"weights, {figures['executable_kb']:.0f} KB of program{memory}"
    )
