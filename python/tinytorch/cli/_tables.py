"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ..report import figures
from ..report.record import LayerCost, ModelRun
from ..report.sections._shared import gain, stored_bytes
from ._console import table


def layer_table(title: str, costs: Sequence[LayerCost]) -> Table:
    """Time, FLOPs, bytes and share of each layer, and their sums."""
    total = sum(cost.time_ms for cost in costs) or 1.0
    rows = [
        [
            cost.name,
            cost.kind,
            cost.output,
            f"{cost.parameters:,}",
            figures.amount(cost.flops),
            figures.size(cost.stored_bytes) if cost.stored_bytes else "-",
            figures.time_ms(cost.time_ms),
            f"{100 * cost.time_ms / total:.0f} %",
            f"{cost.flops / cost.time_ms / 1e6:.2f}" if cost.time_ms else "-",
        ]
        for cost in costs
    ]
    rows.append(
        [
            "sum",
            "",
            "",
            f"{sum(c.parameters for c in costs):,}",
            figures.amount(sum(c.flops for c in costs)),
            figures.size(sum(c.stored_bytes for c in costs)),
            figures.time_ms(total),
            "100 %",
            f"{sum(c.flops for c in costs) / total / 1e6:.2f}",
        ]
    )
    columns = ["layer", "kind", "output", "parameters", "FLOPs", "stored", "time", "share", "GFLOP/s"]
    return table(columns, rows, title=title, left=3, sections=[len(costs) - 1])


def variant_table(models: Sequence[ModelRun]) -> Table:
    """Every variant of every model against its baseline."""
    columns = [
        *("model", "variant", "accuracy", "stored", "smaller", "latency mean \u00b1 sd"),
        *("p50 / p90", "faster", "one row", "best batch"),
    ]
    rows, sections = [], []
    for model in models:
        for variant in model.variants:
            first = variant is model.variants[0]
            smaller, faster, _ = gain(model, variant)
            rows.append(
                [
                    model.title if first else "",
                    variant.title,
                    figures.percent(variant.metrics["accuracy"]),
                    figures.size(stored_bytes(variant.metrics)),
                    "" if first else figures.factor(smaller),
                    *_speed(variant.metrics, "" if first else figures.factor(faster)),
                ]
            )
        sections.append(len(rows) - 1)
    return table(columns, rows, left=2, sections=sections)


def _speed(metrics: dict[str, Any], faster: str) -> list[str]:
    mean, sd = metrics["latency_ms_mean"], metrics["latency_ms_std"]
    best = figures.amount(metrics["batched_throughput_samples_per_sec"])
    return [
        f"{figures.time_ms(mean)} \u00b1 {figures.time_ms(sd)}",
        f"{figures.time_ms(metrics['latency_ms_p50'])} / {figures.time_ms(metrics['latency_ms_p90'])}",
        faster,
        f"{figures.amount(metrics['throughput_samples_per_sec'])}/s",
        f"{best}/s at {metrics['best_batch_size']}",
    ]
