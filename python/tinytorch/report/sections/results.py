"""What came out: a headline per model, and the table of all variants."""

from __future__ import annotations

from typing import Any

from .. import figures
from ..markup import Markup, tag
from ..record import ModelRun, Run, Variant
from ..tables import Column, section, table
from ._shared import gain, margin, smallest, stored_bytes


def headlines(run: Run) -> Markup:
    """Per model: what its smallest form keeps and saves."""
    return tag("div", [_headline(i, m) for i, m in enumerate(run.models)], class_="headlines")


def _headline(index: int, model: ModelRun) -> Markup:
    best = smallest(model)
    base = model.variants[0]
    if best is base:
        kept = figures.percent(base.metrics["accuracy"])
        cells = [("accuracy", kept, ""), *_absolute(base)]
        subtitle = base.title
    else:
        smaller, faster, delta = gain(model, best)
        cells = [
            (
                "accuracy",
                figures.percent(best.metrics["accuracy"]),
                f"{figures.points(delta)} points",
            ),
            (
                "stored",
                figures.size(stored_bytes(best.metrics)),
                f"{figures.factor(smaller)} smaller",
            ),
            ("one row", figures.time_ms(best.metrics["latency_ms_mean"]), figures.speed(faster)),
        ]
        subtitle = f"{best.title}, against {base.title.lower()}"
    facts = [
        tag("div", tag("dt", name), tag("dd", value, tag("span", note) if note else None))
        for name, value, note in cells
    ]
    return tag(
        "article",
        tag("h2", model.title, tag("small", subtitle)),
        tag("dl", facts),
        class_=f"headline s{index}",
    )


def _absolute(variant: Variant) -> list[tuple[str, str, str]]:
    return [
        ("stored", figures.size(stored_bytes(variant.metrics)), ""),
        ("one row", figures.time_ms(variant.metrics["latency_ms_mean"]), ""),
    ]


def results(run: Run) -> Markup | None:
    if not run.models:
        return None
    return section(
        "results",
        "Results",
        [_model_table(i, m, run) for i, m in enumerate(run.models)],
        lead=_lead(run),
    )


def _lead(run: Run) -> str | None:
    half = margin(run)
    if half is None or run.data is None:
        return None
    return (
        f"Accuracy is the share of {run.data.test_count:,} test rows that the model never trained "
        f"on. With so many rows, 95 % intervals reach about {100 * half:.1f} points to either "
        "side: smaller differences are not told apart from chance."
    )


def _model_table(index: int, model: ModelRun, run: Run) -> Markup:
    rows = [_row(model, variant, run) for variant in model.variants]
    columns = [
        Column("Variant", numeric=False),
        Column("Accuracy", note="wrong"),
        Column("Stored", note="smaller"),
        Column("Latency", note="mean \u00b1 sd, one row"),
        Column("p50 / p90", note="outliers"),
        Column("Faster"),
        Column("Throughput", note="one row at a time"),
        Column("Best batch", note="its size"),
    ]
    caption = f"{model.title}: {model.architecture}" if model.architecture else model.title
    return table(columns, rows, caption=caption, class_=f"results s{index}")


def _row(model: ModelRun, variant: Variant, run: Run) -> list[Any]:
    m = variant.metrics
    smaller, faster, _ = gain(model, variant)
    is_base = variant is model.variants[0]
    return [
        [variant.title, tag("small", variant.description) if variant.description else None],
        [figures.percent(m["accuracy"]), tag("small", _wrong(m["accuracy"], run))],
        [
            figures.size(stored_bytes(m)),
            tag("small", "\u2013" if is_base else figures.factor(smaller)),
        ],
        [
            figures.time_ms(m["latency_ms_mean"]),
            tag("small", f"\u00b1 {figures.time_ms(m['latency_ms_std'])}")
            if "latency_ms_std" in m
            else None,
        ],
        _quantiles(m),
        "\u2013" if is_base else figures.factor(faster),
        _rate(m.get("throughput_samples_per_sec")),
        _best_batch(m),
    ]


def _wrong(accuracy: float, run: Run) -> str | None:
    if run.data is None:
        return None
    return f"{round((1 - accuracy) * run.data.test_count)} of {run.data.test_count:,}"


def _quantiles(m: dict[str, Any]) -> Any:
    if "latency_ms_p50" not in m or "latency_ms_p90" not in m:
        return "\u2013"
    both = f"{figures.time_ms(m['latency_ms_p50'])} / {figures.time_ms(m['latency_ms_p90'])}"
    if "outliers_dropped" not in m or "num_runs" not in m:
        return both
    return [both, tag("small", f"{m['outliers_dropped']} of {m['num_runs']}")]


def _rate(value: float | None) -> str:
    return "\u2013" if value is None else f"{figures.amount(value)}/s"


def _best_batch(m: dict[str, Any]) -> Any:
    if "batched_throughput_samples_per_sec" not in m:
        return "\u2013"
    rate = _rate(m["batched_throughput_samples_per_sec"])
    rows = m.get("best_batch_size")
    return [rate, tag("small", "1 row" if rows == 1 else f"{rows:,} rows") if rows else None]
