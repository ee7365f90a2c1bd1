"""What several sections say in the same way."""

from __future__ import annotations

import math
from typing import Any

from .. import figures
from ..marks import SHAPES, mark
from ..markup import Markup, tag
from ..record import ModelRun, Run, Variant

MIB = 1 << 20


def stored_bytes(metrics: dict[str, Any]) -> float:
    """Older submissions have the size in MB alone."""
    exact = metrics.get("model_size_bytes")
    return float(metrics["model_size_mb"] * MIB if exact is None else exact)


def smallest(model: ModelRun) -> Variant:
    """The variant of the fewest bytes: what the baseline is compared with in the headline."""
    return min(model.variants, key=lambda v: stored_bytes(v.metrics))


def gain(model: ModelRun, variant: Variant) -> tuple[float, float, float]:
    """(times smaller, times faster, accuracy difference) against the model's baseline."""
    before, after = model.variants[0].metrics, variant.metrics
    return (
        stored_bytes(before) / stored_bytes(after),
        before["latency_ms_mean"] / after["latency_ms_mean"],
        after["accuracy"] - before["accuracy"],
    )


def margin(run: Run) -> float | None:
    """Half the 95 % interval of an accuracy near those measured, from the number of test rows."""
    if run.data is None or run.data.test_count < 1:
        return None
    share = max(v.metrics["accuracy"] for m in run.models for v in m.variants)
    count = run.data.test_count
    center = (share * count + 1.92) / (count + 3.84)  # Agresti and Coull 1998
    return 1.96 * math.sqrt(center * (1 - center) / (count + 3.84))


def one_point_in(run: Run) -> str:
    """What one test image is worth."""
    assert run.data is not None
    return f"{figures.digits(100 / run.data.test_count, 2)} points"


def gallery_item(image: Markup, label: str, answers: list[Markup], wrong: bool) -> Markup:
    """An example: its picture, what it is, and what was said of it."""
    return tag(
        "li",
        image,
        tag("p", "true ", tag("b", label)),
        tag("ul", answers),
        class_="bad" if wrong else None,
    )


def legend(run: Run, models: bool = True) -> Markup:
    """Colours are models, shapes are variants."""
    colours = [
        tag("li", _swatch(f"mark s{i}", "circle"), model.title)
        for i, model in enumerate(run.models)
    ]
    longest = max(run.models, key=lambda m: len(m.variants))
    variants = [
        tag("li", _swatch("mark plain", SHAPES[i % len(SHAPES)]), variant.title)
        for i, variant in enumerate(longest.variants)
    ]
    return tag("ul", colours if models and len(colours) > 1 else None, variants, class_="legend")


def _swatch(class_: str, shape: str) -> Markup:
    return tag("svg", mark(shape, 7, 7, 4.5, class_), viewBox="0 0 14 14", aria_hidden="true")
