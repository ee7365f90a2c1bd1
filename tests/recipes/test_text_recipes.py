"""Trainings of a language model by a recipe, on a text that is learnt in seconds."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch.datasets import ShakespeareExcerpt, TextFile
from tinytorch.models.language import open_language_model
from tinytorch.recipes import TEXT_RECIPES, TextRecipe, TextRun, text_recipe
from tinytorch.recipes._text_run import network, optimizer

SMALL = TextRecipe(
    "small", width=32, layers=2, heads=2, length=32, steps=60, batch_size=8, matrix_lr=0.02,
    lr=5e-3, dropout=0.05, evaluate_every=20, average=0.8,
)  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TextFile:
    file = tmp_path_factory.mktemp("text") / "input.txt"
    file.write_text(ShakespeareExcerpt().text[:20000], encoding="utf-8")
    return TextFile(file)


def run(text: TextFile, **options: Any) -> TextRun:
    done = TextRun(options.pop("recipe", SMALL), text=text, progress=False, **options)
    done.train()
    return done


def test_it_learns_and_saves_what_it_learnt(text: TextFile, tmp_path: Path) -> None:
    done = run(text, folder=tmp_path)
    assert done.stopped is None
    assert [row["step"] for row in done.history] == [20, 40, 60]
    assert done.history[-1]["val_loss"] < done.history[0]["val_loss"]
    assert done.loss < 3.0  # all characters alike would be ln 60 = 4.1
    assert done.loss < done.history[-1]["val_loss"] + 0.02  # longer contexts do not hurt
    model = open_language_model(tmp_path)
    assert model.tokenizer is not None
    assert model.tokenizer.decode(model.tokenizer.encode("To be")) == "To be"
    assert model.notes["training"]["validation_nats_per_character"] == done.loss
    for name, array in done.network.weights().items():
        np.testing.assert_array_equal(model.weights[name], array)
    written = model.generator().generate("\n", max_new_tokens=20, seed=0)
    assert len(written.text) == 20


def test_interrupted_and_resumed_it_ends_with_the_same_bits(text: TextFile, tmp_path: Path) -> None:
    def press(row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    cut = run(text, folder=tmp_path, on_epoch=press)
    assert cut.stopped == "interrupted"
    assert not (tmp_path / "gpt.safetensors").exists()
    resumed, whole = run(text, folder=tmp_path, resume=True), run(text)
    assert resumed.loss == whole.loss
    for name, array in whole.network.weights().items():
        np.testing.assert_array_equal(resumed.network.weights()[name], array)


def test_held_out_text_is_not_trained_on(text: TextFile) -> None:
    recipe = dataclasses.replace(SMALL, steps=20)
    held = TextRun(recipe, text=text, holdout=3000, progress=False)
    _, loader, evaluated = held.prepare()
    learnt = text.get_train_data()
    assert held.tokenizer.decode(evaluated) == learnt[-3000:]
    assert held.tokenizer.decode(loader.ids) == learnt[:-3000]
    with pytest.raises(ValueError, match="holdout"):
        run(text, holdout=len(learnt))


def test_every_parameter_learns_once() -> None:
    for recipe in TEXT_RECIPES.values():
        net = network(dataclasses.replace(recipe, layers=1), 11)
        groups = optimizer(net, recipe)
        assert {id(p) for p in groups.params} == {id(p) for p in net.parameters()}
        assert recipe.steps % recipe.evaluate_every == 0


def test_recipes_by_name() -> None:
    assert text_recipe("quick").steps < text_recipe("best").steps
    with pytest.raises(ValueError, match="quick"):
        text_recipe("none")
