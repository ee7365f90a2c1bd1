"""What the weights take: bytes by layer and variant, and memory while running."""

from __future__ import annotations

from .. import figures
from ..bars import Bar, Part, stacked_bars
from ..markup import Markup, tag
from ..record import ModelRun, Run
from ..tables import Column, figure, section, table
from ._shared import gain, stored_bytes
from .layers import tones


def sizes(run: Run) -> Markup | None:
    if not run.models:
        return None
    panels = tag("div", [_panel(i, m) for i, m in enumerate(run.models)], class_="panels")
    lead = (
        "Bytes as they are stored: int8 weights with their scales, kept weights of a sparse layer "
        "with their positions, biases. Not parameters times four."
    )
    caption = (
        "The numbers also give the memory of one forward pass over a single row at its peak, above "
        "what was allocated before."
    )
    return section(
        "sizes", "Where the bytes are", figure(panels, caption, _numbers(run)), lead=lead
    )


def _panel(index: int, model: ModelRun) -> Markup:
    tone = tones(model.variants[0].layers)
    bars = []
    for variant in model.variants:
        total = stored_bytes(variant.metrics)
        parts = [
            Part(c.name, c.stored_bytes, tone.get(c.name, -1))
            for c in variant.layers
            if c.stored_bytes
        ]
        parts = parts or [Part("all", total, 0)]
        note = figures.size(total)
        if variant is not model.variants[0]:
            note += f" \u00b7 {figures.factor(gain(model, variant)[0])}"
        bars.append(Bar(variant.title, parts, note))
    chart = stacked_bars(
        bars,
        title=f"Stored bytes by layer, {model.title}",
        description="; ".join(f"{b.label}: {b.note}" for b in bars),
        text=figures.size,
        series=index,
        label_width=120,
    )
    return tag("div", tag("h3", model.title), chart)


def _numbers(run: Run) -> Markup:
    columns = [
        Column("Model", numeric=False),
        Column("Variant", numeric=False),
        Column("Parameters"),
        Column("Stored bytes"),
        Column("Bytes / parameter"),
        Column("Peak memory", note="one row"),
    ]
    rows = []
    for model in run.models:
        for variant in model.variants:
            m = variant.metrics
            total = stored_bytes(m)
            peak = m.get("peak_memory_mb")
            rows.append(
                [
                    model.title,
                    variant.title,
                    f"{m['parameter_count']:,}",
                    f"{total:,.0f}",
                    figures.digits(total / m["parameter_count"], 3),
                    "\u2013" if peak is None else figures.size(peak * (1 << 20)),
                ]
            )
    return table(columns, rows, caption="Parameters, bytes, memory")
