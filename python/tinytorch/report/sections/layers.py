"""Where the time of one forward pass goes, layer by layer."""

from __future__ import annotations

from .. import figures
from ..bars import Bar, Part, stacked_bars
from ..markup import Markup, tag
from ..record import LayerCost, ModelRun, Run
from ..tables import Column, figure, section, table

TONES = 4


def layers(run: Run) -> Markup | None:
    parts = [_model(i, m) for i, m in enumerate(run.models) if any(v.layers for v in m.variants)]
    if not parts:
        return None
    lead = (
        "Each layer timed alone, on the input it gets in the model, one row at a time. The latency "
        "above is another measurement: of the whole pass, with the calls between layers."
    )
    return section("layers", "Where the time goes", parts, lead=lead)


def tones(costs: list[LayerCost]) -> dict[str, int]:
    """Layers with parameters take turns in tone, the others share the muted one."""
    weighted = [cost.name for cost in costs if cost.parameters]
    return {name: i % TONES for i, name in enumerate(weighted)}


def _model(index: int, model: ModelRun) -> Markup:
    timed = [v for v in model.variants if v.layers]
    tone = tones(timed[0].layers)
    bars = [
        Bar(v.title, [Part(c.name, c.time_ms, tone.get(c.name, -1)) for c in v.layers])
        for v in timed
    ]
    chart = stacked_bars(
        bars,
        title=f"Time by layer, {model.title}",
        description="; ".join(f"{b.label}: {figures.time_ms(b.total)} in all" for b in bars),
        text=figures.time_ms,
        series=index,
        width=1000,
        label_width=140,
    )
    numbers = [_table(v.title, v.layers) for v in timed[1:]]
    return figure(
        [
            tag("h3", model.title),
            tag("div", chart, class_="scroll wide"),
            _table(timed[0].title, timed[0].layers, index),
        ],
        "Colour marks layers with weights; grey, those without.",
        tag("div", numbers) if numbers else None,
    )


def _table(title: str, costs: list[LayerCost], series: int | None = None) -> Markup:
    total = sum(cost.time_ms for cost in costs) or 1.0
    columns = [
        Column("Layer", numeric=False),
        Column("Kind", numeric=False),
        Column("Output"),
        Column("Parameters"),
        Column("FLOPs"),
        Column("FLOP/s"),
        Column("Stored"),
        Column("Time"),
        Column("Share", numeric=False),
    ]
    rows = [
        [
            cost.name,
            cost.kind,
            cost.output,
            f"{cost.parameters:,}" if cost.parameters else "\u2013",
            figures.amount(cost.flops) if cost.flops else "\u2013",
            _rate(cost),
            figures.size(cost.stored_bytes) if cost.stored_bytes else "\u2013",
            figures.time_ms(cost.time_ms),
            _share(cost.time_ms / total, series),
        ]
        for cost in costs
    ]
    return table(columns, rows, caption=f"{title}, layer by layer", class_="layers")


def _rate(cost: LayerCost) -> str:
    if not cost.flops or cost.time_ms <= 0:
        return "\u2013"
    return figures.amount(cost.flops / cost.time_ms * 1e3)


def _share(share: float, series: int | None) -> list[Markup]:
    text = tag("span", figures.percent(share, 0))
    class_ = "meter" if series is None else f"meter s{series}"
    style = f"--share:{100 * share:.1f}%"
    return [text, tag("i", style=style, class_=class_, aria_hidden="true")]
