"""Trainings with a known result: a network, and all that it takes to train it.

    from tinytorch.recipes import RECIPES, RecipeRun              # CIFAR-10
    run = RecipeRun(RECIPES["quick"], folder="runs/quick", seed=0)
    run.train()
    print(run.accuracy)

    from tinytorch.recipes import TEXT_RECIPES, TextRun           # Tiny Shakespeare
    run = TextRun(TEXT_RECIPES["quick"], folder="runs/gpt")
    run.train()
    print(run.loss)

`tinytorch train cifar10 --recipe quick` and `tinytorch train gpt --recipe quick` do the same.
"""

from ._precision import bfloat16_is_fast
from ._recipe import RECIPES, ImageRecipe, recipe
from ._run import RecipeRun
from ._text_recipe import TEXT_RECIPES, TextRecipe, text_recipe
from ._text_run import TextRun

__all__ = [
    "RECIPES",
    "TEXT_RECIPES",
    "ImageRecipe",
    "RecipeRun",
    "TextRecipe",
    "TextRun",
    "bfloat16_is_fast",
    "recipe",
    "text_recipe",
]
