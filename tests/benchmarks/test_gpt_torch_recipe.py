"""What our training of a language model is compared with learns the same."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from tinytorch.datasets import ShakespeareExcerpt
from tinytorch.recipes import TextRecipe, TextRun

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

SMALL = TextRecipe(
    "small", width=32, layers=2, heads=2, length=24, steps=20, batch_size=4, matrix_lr=0.01,
    lr=3e-3, evaluate_every=20,
)  # fmt: skip


@pytest.mark.parametrize("gated", [False, True])
def test_the_losses_of_both_go_together(gated: bool) -> None:
    from gpt.torch_recipe import TorchTraining

    recipe = dataclasses.replace(SMALL, gated=gated, activation="silu" if gated else "gelu_tanh")
    run = TextRun(recipe, text=ShakespeareExcerpt(), precision="f32", progress=False)
    trainer, loader, _ = run.prepare()
    theirs = TorchTraining(run.network, recipe)
    for number, (inputs, targets) in enumerate(loader):
        expected = theirs.step(inputs, targets)
        trainer.fit([(inputs, targets)], number + 1)
        # Muon's iteration is in bfloat16 there, whose errors add up.
        assert trainer.history[-1]["train_loss"] == pytest.approx(
            expected, abs=2e-3 + 2e-4 * number
        )
    assert np.isfinite(expected)
