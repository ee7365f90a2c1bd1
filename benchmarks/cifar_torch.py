"""A recipe trained by PyTorch on the same images: a row per epoch, as tinytorch's history.json has.

    TINYTORCH_DATA=DIR python benchmarks/cifar_torch.py quick --json history.json

The time is that of training steps alone. Compiling, with --compile, is done before it starts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from cifar.torch_recipe import TorchTraining
from tinytorch import _core
from tinytorch.datasets import CIFAR10
from tinytorch.recipes import RECIPES, RecipeRun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--holdout", type=int, default=0)
    parser.add_argument("--f32", action="store_true", help="without autocast to bfloat16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(_core.num_threads())
    recipe = RECIPES[args.recipe]
    run = RecipeRun(recipe, holdout=args.holdout, seed=args.seed, precision="f32", progress=False)
    _, loader, (held, right) = run.prepare()
    images, labels = CIFAR10().raw("train")
    count = len(images) - args.holdout
    training = TorchTraining(
        run.network, recipe, images[:count], labels[:count], recipe.epochs * len(loader),
        bf16=not args.f32, compiled=args.compile, seed=args.seed, places=run.places,
    )  # fmt: skip
    if args.compile:
        training.warm_up()
    rows, seconds = [], 0.0
    for epoch in range(1, recipe.epochs + 1):
        start = time.perf_counter()
        for _ in range(len(loader)):
            training.step()
        seconds += time.perf_counter() - start
        accuracy = float((training.scores(held).argmax(axis=1) == right).mean())
        rows.append({"epoch": epoch, "val_accuracy": accuracy, "seconds": seconds})
        print(f"epoch {epoch}: {100 * accuracy:.2f} % after {seconds:.1f} s", flush=True)
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
