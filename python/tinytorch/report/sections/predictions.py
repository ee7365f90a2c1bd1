"""Which classes are taken for which, and some rows with what the models say of them."""

from __future__ import annotations

from .. import figures
from ..markup import Markup, tag
from ..png import data_uri, ink_png
from ..record import Example, ModelRun, Run, Variant
from ..tables import section
from ._shared import gallery_item


def confusion(run: Run) -> Markup | None:
    if run.data is None:
        return None
    classes = run.data.classes
    shown = [
        (i, m, v)
        for i, m in enumerate(run.models)
        for v in [next((v for v in reversed(m.variants) if v.confusion), None)]
        if v is not None
    ]
    if not shown:
        return None
    panels = tag("div", [_matrix(i, m, v, classes) for i, m, v in shown], class_="panels")
    lead = "Rows are true classes, columns what the model said. Mistakes stand out."
    return section("confusion", "What is taken for what", panels, lead=lead)


def _matrix(index: int, model: ModelRun, variant: Variant, classes: list[str]) -> Markup:
    largest = max(max(row) for row in variant.confusion) or 1
    head = tag(
        "tr",
        tag("td"),
        [tag("th", name, scope="col") for name in classes],
        tag("th", "right", scope="col"),
    )
    rows = []
    for true, row in enumerate(variant.confusion):
        share = row[true] / sum(row) if sum(row) else 0.0
        cells = [_cell(true, said, count, largest) for said, count in enumerate(row)]
        right = tag("td", figures.percent(share, 0), class_="recall")
        rows.append(tag("tr", tag("th", classes[true], scope="row"), cells, right))
    caption = tag("caption", f"{model.title}, {variant.title}")
    return tag(
        "div",
        tag("table", caption, tag("thead", head), tag("tbody", rows), class_=f"matrix s{index}"),
    )


def _cell(true: int, said: int, count: int, largest: int) -> Markup:
    if count == 0:
        return tag("td", "\u00b7", class_="none")
    if true == said:
        return tag("td", str(count), class_="right", style=f"--share:{count / largest:.2f}")
    return tag("td", str(count), class_="wrong", style=f"--share:{min(1.0, 0.7 + count / 10):.2f}")


def examples(run: Run) -> Markup | None:
    if not run.examples:
        return None
    titles = {model.key: model.title for model in run.models}
    order = {model.key: i for i, model in enumerate(run.models)}
    items = [_example(example, titles, order) for example in run.examples]
    lead = (
        "Test rows with the answers of the smallest variants: first those that a model gets wrong, "
        "then some that all get right."
    )
    return section(
        "examples",
        "Some of the test rows",
        [_models(run), tag("ul", items, class_="gallery")],
        lead=lead,
    )


def _models(run: Run) -> Markup:
    items = [
        tag("li", tag("i", class_=f"dot s{i}"), model.title) for i, model in enumerate(run.models)
    ]
    return tag("ul", items, class_="legend")


def _example(example: Example, titles: dict[str, str], order: dict[str, int]) -> Markup:
    said = ", ".join(
        f"{titles.get(p.model, p.model)} says {p.label} ({figures.percent(p.probability, 0)})"
        for p in example.predictions
    )
    wrong = any(p.label != example.label for p in example.predictions)
    image = tag(
        "img",
        src=data_uri(ink_png(example.pixels)),
        alt=f"Test row {example.index}, a {example.label}; {said}",
        width=72,
        height=72,
    )
    answers = [
        tag(
            "li",
            tag("b", p.label),
            f" {figures.percent(p.probability, 0)}",
            class_=f"s{order.get(p.model, 0)}" + ("" if p.label == example.label else " miss"),
            title=titles.get(p.model, p.model),
        )
        for p in example.predictions
    ]
    return gallery_item(image, example.label, answers, wrong)
