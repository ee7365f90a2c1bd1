"""Training by a recipe beside PyTorch running the same: images per second and peak memory.

    python benchmarks/cifar_train.py --recipes standard,swiftcnn --threads 2 --json results.json

Network, batches, augmentation, loss, optimizer and schedule are the same (cifar/torch_recipe.py);
each contender has a process of its own, and they take turns of some 2,000 images. A ratio compares
turns that followed each other; its spread is from the lower to the upper quartile.
"""

from __future__ import annotations

import argparse
import json
import statistics
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from contender import Contender, quartiles
from tinytorch import _core

WORKER = Path(__file__).resolve().parent / "cifar" / "worker.py"
PEERS = {"f32": ["torch", "torch-compile"], "bf16": ["torch-bf16", "torch-compile-bf16"]}


def compare(recipe: str, precision: str, threads: int, rounds: int) -> dict[str, Any]:
    ours = "tinytorch" if precision == "f32" else "tinytorch-bf16"
    names = [ours, *PEERS[precision]]
    contenders = {who: Contender(WORKER, [who, recipe, str(threads)], threads) for who in names}
    try:
        rates: dict[str, list[float]] = {who: [] for who in names}
        for _ in range(rounds):
            for who, contender in contenders.items():
                rates[who].append(contender.ask())
        memory = {who: contender.ask(memory=1) for who, contender in contenders.items()}
    finally:
        for contender in contenders.values():
            contender.close()
    return {"recipe": recipe, "precision": precision, "threads": threads, "images_per_s": rates,
            "peak_mb": memory, "ours": ours}  # fmt: skip


def print_rows(result: dict[str, Any]) -> None:
    ours, rates = result["ours"], result["images_per_s"]
    for who, values in rates.items():
        ratios = [a / b for a, b in zip(rates[ours], values, strict=True)]
        print(
            f"| {result['recipe']} | {result['precision']} | {result['threads']} | {who} | "
            f"{statistics.median(values):,.0f} | {quartiles(ratios)} | "
            f"{result['peak_mb'][who]:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipes", default="standard,swiftcnn")
    parser.add_argument("--precisions", default="f32,bf16")
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    today = datetime.now(timezone.utc).date().isoformat()
    print(f"{_core.cpu_name()}, {_core.active_isa()}, {today}\n")
    print("| recipe | products | threads | engine | images/s | ours is faster by | peak MB |")
    print("|---|---|---|---|---|---|---|")
    results = []
    for recipe in args.recipes.split(","):
        for precision in args.precisions.split(","):
            results.append(compare(recipe, precision, args.threads, args.rounds))
            print_rows(results[-1])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
