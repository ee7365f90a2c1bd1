"""The sweep that the small network was chosen from: accuracy on held-out training images against
size, work and latency.

    TINYTORCH_DATA=DIR python benchmarks/cifar_sweep.py --epochs 6 --json sweep.json

Every candidate is trained by the recipe `swiftcnn`, shortened and without a teacher, on 45,000
images and evaluated on the 5,000 that were held out, in int8 too; with mirror pairs where its name
says so. Latency is the median of one image in the int8 session, measured when all are trained. A
run that was stopped goes on where its file ends.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from cifar.candidates import CANDIDATES, candidate_recipe
from tinytorch.datasets import CIFAR10
from tinytorch.models import create
from tinytorch.models.convnet import normalized_bytes
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.recipes import RecipeRun
from tinytorch.recipes._classify import accuracy, scores
from tinytorch.recipes._mirror import MirrorPairs

HELD_OUT = 5000
ROUNDS, CALLS = 5, 400  # of the latencies


def trained(name: str, epochs: int, data: CIFAR10) -> dict[str, Any]:
    recipe = dataclasses.replace(candidate_recipe(name), epochs=epochs)
    run = RecipeRun(recipe, holdout=HELD_OUT, data=data, every_epoch=False, progress=False)
    network = run.train()
    images, labels = data.raw("train")
    small = Int8ConvNet.of(network, images[:512])
    held, right = images[-HELD_OUT:], labels[-HELD_OUT:]
    return {
        "name": name,
        "accuracy": run.accuracy,
        "int8_accuracy": accuracy(scores(small, held), right),
        "int8_kb": small.stored_bytes() / 1000,
        "macs": network.macs(),
        "train_s": run.seconds,
    }


def latencies(names: list[str], images: np.ndarray) -> dict[str, float]:
    """Median microseconds of one image, all networks in turns; their weights are drawn anew, in
    pairs where the candidate's are."""
    sessions = {}
    for name in names:
        drawn = create("swiftcnn", nodes=CANDIDATES[name])
        if candidate_recipe(name).mirror_pairs:
            MirrorPairs(drawn).begin()
        network = Int8ConvNet.of(drawn, images[:64])
        sessions[name] = (network.session(batch=1), normalized_bytes(network, images[:1]))
    times: dict[str, list[int]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, (session, image) in sessions.items():
            for _ in range(CALLS):
                start = time.perf_counter_ns()
                session(image)
                times[name].append(time.perf_counter_ns() - start)
    return {name: statistics.median(all_times) / 1000 for name, all_times in times.items()}


def known_rows(path: Path | None, epochs: int) -> list[dict[str, Any]]:
    """Those of an earlier run of the same length, which is gone on with."""
    if path is None or not path.exists():
        return []
    document = json.loads(path.read_text())
    return list(document["rows"]) if document["epochs"] == epochs else []


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| network | held-out accuracy | int8 | int8 KB | M multiply-adds | us per image | s |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['name']} | {100 * row['accuracy']:.2f} % | {100 * row['int8_accuracy']:.2f} % | "
        f"{row['int8_kb']:.0f} | {row['macs'] / 1e6:.1f} | {row['latency_us']:.0f} | "
        f"{row['train_s']:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", default="", help="candidates whose name has one of these texts")
    parser.add_argument("--json", type=Path, help="read first, if there: what it has is not redone")
    args = parser.parse_args()
    data = CIFAR10()
    rows = known_rows(args.json, args.epochs)

    def save() -> None:
        if args.json:
            args.json.write_text(json.dumps({"epochs": args.epochs, "rows": rows}, indent=1) + "\n")

    for name in CANDIDATES:
        known = any(row["name"] == name for row in rows)
        if known or not any(part in name for part in args.only.split(",")):
            continue
        rows.append(trained(name, args.epochs, data))
        print(f"{name}: {100 * rows[-1]['int8_accuracy']:.2f} %", flush=True)
        save()
    for name, latency in latencies([row["name"] for row in rows], data.raw("train")[0]).items():
        next(row for row in rows if row["name"] == name)["latency_us"] = latency
    save()
    print(table(rows))


if __name__ == "__main__":
    main()
