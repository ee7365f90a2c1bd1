"""Accuracy against what it costs: time, and bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import figures
from ..axis import Scale, doublings
from ..markup import Markup, tag
from ..record import ModelRun, Run, Variant
from ..scatter import Point, scatter
from ..tables import Column, figure, section, table
from ._shared import legend, stored_bytes


def tradeoffs(run: Run) -> Markup | None:
    if sum(len(model.variants) for model in run.models) < 2:
        return None
    time = _chart(
        run,
        "Accuracy against latency",
        "milliseconds of one row, logarithmic",
        lambda v: v.metrics["latency_ms_mean"],
        figures.time_ms,
        _latency_spread,
    )
    size = _chart(
        run,
        "Accuracy against size",
        "stored bytes, logarithmic",
        lambda v: stored_bytes(v.metrics),
        figures.size,
        lambda v: None,
        doublings,
    )
    panels = tag(
        "div",
        _panel("Against latency of one row", time),
        _panel("Against size", size),
        class_="panels",
    )
    caption = (
        "Up and to the left is better. The stepped line joins the variants that no other beats in "
        "both respects. Whiskers reach from the fastest sample to the 90th percentile."
    )
    return section("tradeoffs", "Trade-offs", figure([legend(run), panels], caption, _numbers(run)))


def _panel(title: str, content: Markup) -> Markup:
    return tag("div", tag("h3", title), content)


def _chart(
    run: Run,
    title: str,
    unit: str,
    cost: Callable[[Variant], float],
    text: Callable[[float], str],
    spread: Callable[[Variant], tuple[float, float] | None],
    ticks: Callable[[Scale], Sequence[float]] | None = None,
) -> Markup:
    points = [
        Point(
            cost(variant),
            variant.metrics["accuracy"],
            variant.title,
            series,
            shape,
            f"{model.title}, {variant.title}: {figures.percent(variant.metrics['accuracy'])}, "
            f"{text(cost(variant))}",
            spread(variant),
        )
        for series, model in enumerate(run.models)
        for shape, variant in enumerate(model.variants)
    ]
    return scatter(
        points,
        title=title,
        description=f"Horizontal: {unit}. Vertical: test accuracy. "
        + "; ".join(point.note for point in points),
        x_title="latency" if "latency" in title else "stored bytes",
        y_title="test accuracy",
        x_text=text,
        y_text=figures.percent,
        target=_target(run.models),
        x_ticks=ticks,
    )


def _target(models: list[ModelRun]) -> float | None:
    targets = {m.target_accuracy for m in models if m.target_accuracy is not None}
    return targets.pop() if len(targets) == 1 else None


def _latency_spread(variant: Variant) -> tuple[float, float] | None:
    m = variant.metrics
    if "latency_ms_min" not in m or "latency_ms_p90" not in m:
        return None
    return m["latency_ms_min"], m["latency_ms_p90"]


def _numbers(run: Run) -> Markup:
    columns = [
        Column("Model", numeric=False),
        Column("Variant", numeric=False),
        Column("Accuracy"),
        Column("Latency"),
        Column("Stored bytes"),
    ]
    rows = [
        [
            model.title,
            variant.title,
            figures.percent(variant.metrics["accuracy"], 2),
            figures.time_ms(variant.metrics["latency_ms_mean"]),
            f"{stored_bytes(variant.metrics):,.0f}",
        ]
        for model in run.models
        for variant in model.variants
    ]
    return table(columns, rows, caption="The points of both charts")
