"""What a reader of the demo's report should keep in mind, drawn from what was measured."""

from __future__ import annotations

from ..report import figures
from ..report.record import ModelRun
from ..report.sections._shared import gain
from ..workflow.compress import CALIBRATION_IMAGES
from ..workflow.variants import Plan


def notes(models: list[ModelRun], plan: Plan) -> list[str]:
    units, weights = figures.percent(plan.unit_share, 0), figures.percent(plan.sparsity, 0)
    said = [
        "INT8: one scale per output channel for weights; activation scales are calibrated on the "
        f"first {CALIBRATION_IMAGES} training images.",
        f"Pruned: the weakest {units} of hidden units and channels, by L2 norm, leave for good; "
        f"then {plan.epochs} epochs of fine-tuning at half the rate.",
        f"Sparse: the smallest {weights} of single weights become zero and stay so through "
        f"{plan.epochs} epochs; layers are stored by their non-zeros where that is smaller.",
        "Models this small spend a good part of one row's time between layers, in Python; batches "
        "show what the arithmetic gains.",
        "Writers appear in both the training and the test part, so the accuracy on digits of a new "
        "writer would be lower.",
    ]
    slower = [
        f"{model.title} {variant.title} ({figures.factor(1 / gain(model, variant)[1])})"
        for model in models
        for variant in model.variants[1:]
        if gain(model, variant)[1] < 0.97
    ]
    if slower:
        said.append(f"Slower than their baselines for one row, here: {', '.join(slower)}.")
    return said
