"""Trainings with a known result: a network, and all that it takes to train it on CIFAR-10.

    from tinytorch.recipes import RECIPES, RecipeRun
    run = RecipeRun(RECIPES["quick"], folder="runs/quick", seed=0)
    run.train()
    print(run.accuracy)

`tinytorch train cifar10 --recipe quick` does the same.
"""

from ._recipe import RECIPES, ImageRecipe, recipe
from ._run import RecipeRun, bfloat16_is_fast

__all__ = ["RECIPES", "ImageRecipe", "RecipeRun", "bfloat16_is_fast", "recipe"]
