"""Training beside PyTorch: each contender in a process of its own, in turns.

A ratio compares turns that followed each other; its spread is from the lower to the upper quartile.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from contender import Contender, quartiles, serve
from tinytorch import _core

PEERS = {"f32": ["torch", "torch-compile"], "bf16": ["torch-bf16", "torch-compile-bf16"]}


Turn = Callable[[], None]


def serve_turns(
    ours: Callable[[str, str, int], Turn],
    theirs: Callable[[str, str, int], Turn],
    amount: Callable[[str], int],
) -> None:
    """The worker's side, `worker WHO RECIPE THREADS`, which answers

    {}              images or tokens per second of a turn of training steps
    {"memory": 1}   the process's largest resident size so far, in MB

    ours(recipe, precision, threads) and theirs(recipe, who, threads) make what runs a turn, of
    amount(recipe) images or tokens.
    """

    def prepare() -> tuple[str, Callable[[dict[str, Any]], float]]:
        who, recipe, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
        if who.startswith("tinytorch"):
            turn = ours(recipe, "bf16" if who.endswith("bf16") else "f32", threads)
        else:
            turn = theirs(recipe, who, threads)
        turn()

        def reply(request: dict[str, Any]) -> float:
            if "memory" in request:
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            start = time.perf_counter()
            turn()
            return amount(recipe) / (time.perf_counter() - start)

        return "ready", reply

    serve(prepare)


def compare(
    worker: Path, unit: str, recipe: str, precision: str, threads: int, rounds: int
) -> dict[str, Any]:
    ours = "tinytorch" if precision == "f32" else "tinytorch-bf16"
    names = [ours, *PEERS[precision]]
    contenders = {who: Contender(worker, [who, recipe, str(threads)], threads) for who in names}
    try:
        rates: dict[str, list[float]] = {who: [] for who in names}
        for _ in range(rounds):
            for who, contender in contenders.items():
                rates[who].append(contender.ask())
        memory = {who: contender.ask(memory=1) for who, contender in contenders.items()}
    finally:
        for contender in contenders.values():
            contender.close()
    return {
        "recipe": recipe, "precision": precision, "threads": threads, "unit": unit,
        f"{unit}_per_s": rates, "peak_mb": memory, "ours": ours,
    }  # fmt: skip


def print_rows(result: dict[str, Any]) -> None:
    ours, rates = result["ours"], result[f"{result['unit']}_per_s"]
    for who, values in rates.items():
        ratios = [a / b for a, b in zip(rates[ours], values, strict=True)]
        print(
            f"| {result['recipe']} | {result['precision']} | {result['threads']} | {who} | "
            f"{statistics.median(values):,.0f} | {quartiles(ratios)} | "
            f"{result['peak_mb'][who]:,.0f} |",
            flush=True,
        )


def main(worker: Path, unit: str, recipes: str, title: str) -> None:
    """The command line of a comparison: its worker, what it counts, its usual recipes."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--recipes", default=recipes)
    parser.add_argument("--precisions", default="f32,bf16")
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    today = datetime.now(timezone.utc).date().isoformat()
    print(f"{_core.cpu_name()}, {_core.active_isa()}, {today}\n")
    print(f"| recipe | products | threads | engine | {unit}/s | ours is faster by | peak MB |")
    print("|---|---|---|---|---|---|---|")
    results = []
    for recipe in args.recipes.split(","):
        for precision in args.precisions.split(","):
            results.append(compare(worker, unit, recipe, precision, args.threads, args.rounds))
            print_rows(results[-1])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
