"""`tinytorch profile`"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from ._options import Json


def profile(
    model: Annotated[str, typer.Argument(help="Model file, or a name such as digits_cnn.")],
    batch: Annotated[int, typer.Option(min=1, max=65536, help="Rows of one pass.")] = 1,
    as_json: Json = False,
) -> None:
    """Time, FLOPs, bytes and share of each layer in one forward pass."""
    import numpy as np

    from ..core.tensor import Tensor
    from ..workflow.layer_costs import layer_costs
    from ._console import console, print_json
    from ._models import open_or_create
    from ._tables import layer_table

    saved = open_or_create(model)
    shape = (batch, *saved.network.input_shape)
    rows = Tensor(np.random.default_rng(0).random(shape, np.float32))
    costs = layer_costs(saved.network, rows)
    if as_json:
        print_json(
            {
                "model": model,
                "batch": batch,
                "time_ms": sum(c.time_ms for c in costs),
                "flops": sum(c.flops for c in costs),
                "stored_bytes": sum(c.stored_bytes for c in costs),
                "layers": [dataclasses.asdict(c) for c in costs],
            }
        )
        return
    rows_text = "1 row" if batch == 1 else f"{batch} rows"
    console.print(layer_table(f"{model}: {saved.network.describe()}, {rows_text}", costs))
