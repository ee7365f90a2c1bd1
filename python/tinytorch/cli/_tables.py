"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from ..report import figures
from ..report.record import LayerCost, ModelRun, Variant
from ..report.sections._shared import gain, stored_bytes
from ._console import console, table

_WIDE = 124  # columns of the terminal from which one table holds everything
_LAYERS_WIDE = 96


def layer_table(title: str, costs: Sequence[LayerCost]) -> Table:
    """Time, FLOPs, bytes and share of each layer, and their sums."""
    total = sum(cost.time_ms for cost in costs) or 1.0
    rows = [[cost.name, cost.kind, cost.output, *_numbers(cost, total)] for cost in costs]
    whole = LayerCost(
        name="sum",
        kind="",
        output="",
        parameters=sum(c.parameters for c in costs),
        flops=sum(c.flops for c in costs),
        stored_bytes=sum(c.stored_bytes for c in costs),
        time_ms=total,
    )
    rows.append([whole.name, whole.kind, whole.output, *_numbers(whole, total)])
    columns = [
        "layer",
        "kind",
        "output",
        "parameters",
        "FLOPs",
        "GFLOP/s",
        "stored",
        "time",
        "share",
    ]
    if console.width < _LAYERS_WIDE:
        keep = [i for i, name in enumerate(columns) if name not in ("kind", "GFLOP/s")]
        columns, rows = [columns[i] for i in keep], [[row[i] for i in keep] for row in rows]
    left = columns.index("parameters")
    return table(columns, rows, title=title, left=left, sections=[len(costs) - 1])


def _numbers(cost: LayerCost, total: float) -> list[str]:
    return [
        f"{cost.parameters:,}",
        figures.amount(cost.flops),
        f"{cost.flops / cost.time_ms / 1e6:.2f}" if cost.time_ms and cost.flops else "-",
        figures.size(cost.stored_bytes) if cost.stored_bytes else "-",
        figures.time_ms(cost.time_ms),
        f"{100 * cost.time_ms / total:.0f} %",
    ]


def variant_table(models: Sequence[ModelRun]) -> RenderableType:
    """Every variant of every model against its baseline; two tables in a narrow terminal."""
    names = ["model", "variant"] if len(models) > 1 else ["model"]
    size = ["accuracy", "stored", "smaller"]
    latency = ["latency mean \u00b1 sd", "p50 / p90", "faster"]
    rates = ["one row", "best batch"]
    heads, sizes, latencies, throughputs, sections = [], [], [], [], []
    for model in models:
        for variant in model.variants:
            title = model.title if variant is model.variants[0] else ""
            heads.append([title, variant.title] if len(models) > 1 else [variant.title])
            sizes.append(_size_cells(model, variant))
            latencies.append(_latency_cells(model, variant))
            throughputs.append(_throughput_cells(variant.metrics))
        sections.append(len(heads) - 1)

    def made(columns: list[str], *cells: list[list[str]]) -> Table:
        rows = [[c for part in row for c in part] for row in zip(heads, *cells, strict=True)]
        return table([*names, *columns], rows, left=len(names), sections=sections)

    if console.width >= _WIDE:
        return made([*size, *latency, *rates], sizes, latencies, throughputs)
    return Group(made([*size, *rates], sizes, throughputs), made(latency, latencies))


def _size_cells(model: ModelRun, variant: Variant) -> list[str]:
    first = variant is model.variants[0]
    return [
        figures.percent(variant.metrics["accuracy"]),
        figures.size(stored_bytes(variant.metrics)),
        "" if first else figures.factor(gain(model, variant)[0]),
    ]


def _latency_cells(model: ModelRun, variant: Variant) -> list[str]:
    metrics: dict[str, Any] = variant.metrics
    first = variant is model.variants[0]
    return [
        _both(metrics["latency_ms_mean"], metrics["latency_ms_std"], " \u00b1 "),
        _both(metrics["latency_ms_p50"], metrics["latency_ms_p90"], " / "),
        "" if first else figures.factor(gain(model, variant)[1]),
    ]


def _throughput_cells(metrics: dict[str, Any]) -> list[str]:
    best = figures.amount(metrics["batched_throughput_samples_per_sec"])
    return [
        f"{figures.amount(metrics['throughput_samples_per_sec'])}/s",
        f"{best}/s @{metrics['best_batch_size']}",
    ]


def _both(a: float, b: float, between: str) -> str:
    """Two times in the unit of the first: "4.21 \u00b1 0.15 \u00b5s"."""
    first = figures.time_ms(a)
    number, unit = first.split(figures.THIN)
    factor = {"ns": 1e6, "\N{MICRO SIGN}s": 1e3, "ms": 1.0, "s": 1e-3}[unit]
    places = len(number.partition(".")[2])
    return f"{number}{between}{b * factor:.{places}f} {unit}"
