"""`tinytorch bench gpt`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import _core
from ..bench.settings import system_info
from ..io import save_json
from ..models.language import open_language_model
from ..workflow.gpt_speed import BATCHES, PRECISIONS, GptSpeed, measure
from ._console import console, print_json, table

_RUNS = 10  # at most: a run writes thousands of tokens


def bench_gpt(
    path: Path, prompt: int, new: int, runs: int, as_json: bool, out: Path | None
) -> None:
    model = open_language_model(path)
    sizes: dict[str, Any] = {"prompt": prompt, "new": new, "runs": min(runs, _RUNS)}
    rows = [measure(model, p, batch, **sizes) for p in PRECISIONS for batch in BATCHES]
    result = {
        "model": str(model.path),
        "config": asdict(model.config),
        "system_info": system_info(),
        "threads": _core.num_threads(),
        **sizes,
        "rows": [asdict(row) for row in rows],
    }
    if out is not None:
        save_json(out, result)
    if as_json:
        print_json(result)
        return
    columns = [
        "format", "requests", "weights MB", "cache MB", "prompt tok/s", "new tok/s",
        "first ms p50", "p99", "between ms p50", "p99",
    ]  # fmt: skip
    threads = result["threads"]
    title = f"{path.name}: prompts of {prompt} tokens, {new} new ones, {threads} threads"
    console.print(table(columns, [_cells(row) for row in rows], title=title))


def _cells(row: GptSpeed) -> list[str]:
    return [
        row.precision,
        str(row.batch),
        f"{row.weight_bytes / 1e6:.2f}",
        f"{row.cache_bytes / 1e6:.2f}",
        f"{row.prefill_tokens_per_s:,.0f}",
        f"{row.tokens_per_s:,.0f}",
        *(
            f"{1000 * seconds:.2f}"
            for seconds in (
                row.first_token_p50, row.first_token_p99,
                row.between_tokens_p50, row.between_tokens_p99,
            )
        ),
    ]  # fmt: skip
