"""How many rows per second, by the size of the batch."""

from __future__ import annotations

from .. import figures
from ..lines import Line, lines
from ..marks import SHAPES
from ..markup import Markup, tag
from ..plot import Frame
from ..record import ModelRun, Run
from ..tables import Column, figure, section, table
from ._shared import legend


def throughput(run: Run) -> Markup | None:
    shown = [
        (i, m) for i, m in enumerate(run.models) if any(v.throughput_curve for v in m.variants)
    ]
    if not shown:
        return None
    panels = tag("div", [_panel(i, m) for i, m in shown], class_="panels")
    caption = (
        "Both axes are logarithmic. The search doubles the batch until two sizes in a row fall "
        "below nine tenths of the best, or its time is spent."
    )
    numbers = tag("div", [_numbers(m) for _, m in shown])
    content = figure([legend(run, models=False), panels], caption, numbers)
    return section("throughput", "Throughput by batch size", content)


def _panel(index: int, model: ModelRun) -> Markup:
    curves = [
        Line(
            [point[0] for point in v.throughput_curve],
            [point[1] for point in v.throughput_curve],
            v.title,
            100 + position,
            named=False,
            shape=SHAPES[position % len(SHAPES)],
        )
        for position, v in enumerate(model.variants)
        if v.throughput_curve
    ]
    chart = lines(
        curves,
        title=f"Throughput by batch size, {model.title}",
        description="; ".join(
            f"{c.label}: best {figures.amount(max(c.ys))} rows per second" for c in curves
        ),
        x_title="rows in a batch",
        y_title="rows per second",
        x_text=lambda v: f"{v:,.0f}",
        y_text=figures.amount,
        log_x=True,
        frame=Frame(right=12),
        log_y=True,
        x_ticks=sorted({x for c in curves for x in c.xs}),
    )
    return tag("div", tag("h3", model.title), chart, class_=f"variants s{index}")


def _numbers(model: ModelRun) -> Markup:
    sizes = sorted({int(x) for v in model.variants for x, _ in v.throughput_curve})
    columns = [Column("Variant", numeric=False), *(Column(f"{size:,}") for size in sizes)]
    rows = []
    for variant in model.variants:
        known = {int(x): y for x, y in variant.throughput_curve}
        cells = [figures.amount(known[s]) if s in known else "\u2013" for s in sizes]
        rows.append([variant.title, *cells])
    return table(columns, rows, caption=f"{model.title}: rows per second by batch size")
