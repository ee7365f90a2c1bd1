"""`tinytorch bench`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import Data, Json, Runs


def bench(
    models: Annotated[
        list[Path], typer.Argument(help="Model files, the first the baseline; or: gpt")
    ],
    data: Data = None,
    runs: Runs = 100,
    model: Annotated[
        Path, typer.Option(help="With gpt: the language model, a path or a shipped name.")
    ] = Path("shakespeare-int8"),
    prompt: Annotated[int, typer.Option(min=1, help="With gpt: tokens of a prompt.")] = 128,
    tokens: Annotated[int, typer.Option(min=2, help="With gpt: new tokens of a request.")] = 64,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON here.")] = None,
) -> None:
    """Measure saved models: accuracy, stored bytes, latency, throughput, memory; or, with gpt, how
    fast a language model reads and writes in each number format, for 1, 8 and 32 requests."""
    from ..io import save_json
    from ..report.record import ModelRun, Variant
    from ..workflow.measure import benchmark
    from ._console import console, print_json
    from ._models import open_model, test_data
    from ._tables import variant_table

    if [str(path) for path in models] == ["gpt"]:
        from ._bench_gpt import bench_gpt

        bench_gpt(model, prompt, tokens, runs, as_json, out)
        return
    saved = [open_model(path) for path in models]
    reports = benchmark([(m.path.stem, m.network, test_data(m, data)) for m in saved], runs)
    result = {
        "system_info": reports[0].system_info,
        "models": [
            {"file": str(m.path), "model_name": r.model_name, "metrics": r.metrics}
            for m, r in zip(saved, reports, strict=True)
        ],
    }
    if out is not None:
        save_json(out, result)
    if as_json:
        print_json(result)
        return
    variants = [Variant(r.model_name, r.model_name, r.metrics) for r in reports]
    console.print(variant_table([ModelRun("bench", saved[0].name, "", variants)]))
