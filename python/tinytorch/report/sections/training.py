"""Loss and accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable

from .. import figures
from ..lines import Line, lines
from ..markup import Markup, tag
from ..record import Curves, Run
from ..tables import Column, figure, section, table

_FLOOR = 0.9  # of the accuracy chart: the first epochs would squeeze the rest


def training(run: Run) -> Markup | None:
    trained = [(i, m, m.training) for i, m in enumerate(run.models) if m.training is not None]
    if not trained:
        return None
    losses, accuracies = [], []
    for index, model, curves in trained:
        losses += [
            _line(curves.train_loss, f"{model.title}, train", index, dashed=True),
            _line(curves.test_loss, f"{model.title}, test", index),
        ]
        accuracies.append(_line(curves.test_accuracy, model.title, index))
    panels = tag(
        "div",
        _panel("Loss", "loss", losses, figures.digits, None),
        _panel("Test accuracy", "accuracy", accuracies, figures.percent, _FLOOR),
        class_="panels",
    )
    numbers = tag("div", [_numbers(m.title, curves) for _, m, curves in trained])
    return section("training", "Training", figure(panels, _caption(run), numbers))


def _caption(run: Run) -> str:
    said = []
    for model in run.models:
        if model.training is not None:
            epochs = len(model.training.train_loss)
            text = f"{model.title}: {epochs} epochs in {figures.seconds(model.training.seconds)}"
            if model.fine_tuning is not None and model.fine_tuning.train_loss:
                text += f", {len(model.fine_tuning.train_loss)} more after pruning"
            said.append(text)
    return (
        "; ".join(said) + ". The training loss is measured on distorted images with dropout and "
        "smoothed labels where the recipe has them, and so can lie above the test loss. Test rows "
        "are shown here only to be looked at: nothing was chosen by them."
    )


def _line(values: list[float], label: str, series: int, dashed: bool = False) -> Line:
    return Line(list(range(1, len(values) + 1)), values, label, series, dashed)


def _panel(
    title: str,
    y_title: str,
    curves: list[Line],
    text: Callable[[float], str],
    floor: float | None,
) -> Markup:
    shown = [curve for curve in curves if curve.ys]
    if floor is not None and min(max(c.ys) for c in shown) < floor + 0.02:
        floor = None
    chart = lines(
        shown,
        title=f"{title} by epoch",
        description="; ".join(f"{c.label}: {text(c.ys[-1])} at the end" for c in shown),
        x_title="epoch",
        y_title=y_title,
        x_text=lambda v: f"{v:g}",
        y_text=text,
        log_y=floor is None and y_title == "loss",
        floor=floor,
    )
    return tag("div", tag("h3", title), chart)


def _numbers(title: str, curves: Curves) -> Markup:
    columns = [Column("Epoch"), Column("Train loss"), Column("Test loss"), Column("Test accuracy")]
    rows = [
        [str(epoch + 1), f"{a:.4f}", f"{b:.4f}", figures.percent(c, 2)]
        for epoch, (a, b, c) in enumerate(
            zip(curves.train_loss, curves.test_loss, curves.test_accuracy, strict=True)
        )
    ]
    return table(columns, rows, caption=title)
