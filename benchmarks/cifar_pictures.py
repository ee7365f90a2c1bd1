"""The pictures of docs/cifar10.md, from committed results and a shipped model.

    TINYTORCH_DATA=DIR python benchmarks/cifar_pictures.py [NAME...]

Reads benchmarks/results/cifar, writes docs/images/cifar10_*.png. Needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from tinytorch.datasets import CIFAR10
from tinytorch.models import load_model
from tinytorch.models.shipped import shipped
from tinytorch.recipes._classify import scores

ROOT = Path(__file__).resolve().parent.parent
RESULTS, IMAGES = ROOT / "benchmarks" / "results" / "cifar", ROOT / "docs" / "images"
MODEL = "swiftcnn-int8"
OURS, THEIRS = "#1f6feb", "#d1641b"


def save(figure: Any, name: str) -> None:
    figure.tight_layout()
    figure.savefig(IMAGES / f"cifar10_{name}.png", dpi=110)
    plt.close(figure)


def stretched(image: np.ndarray) -> np.ndarray:
    low, high = image.min(), image.max()
    return (image - low) / (high - low if high > low else 1.0)


def filters() -> None:
    """The shipped model's first layer; opposite colours and edges are what it looks for."""
    weight = load_model(shipped(MODEL)).network.s0a.weight
    figure, axes = plt.subplots(4, len(weight) // 4, figsize=(len(weight) / 5, 3.3))
    for ax, filter_ in zip(axes.flat, weight, strict=True):
        ax.imshow(stretched(filter_.transpose(1, 2, 0)))
        ax.axis("off")
    save(figure, "filters")


def confusion() -> None:
    data = CIFAR10()
    images, labels = data.raw("test")
    answers = scores(load_model(shipped(MODEL)).network, images).argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, answers), 1)
    figure, ax = plt.subplots(figsize=(5.6, 5))
    off = counts - np.diag(np.diag(counts))
    ax.imshow(off, cmap="Oranges")
    ax.set_xticks(range(10), data.classes, rotation=60, fontsize=8)
    ax.set_yticks(range(10), data.classes, fontsize=8)
    ax.set(xlabel="said", ylabel="is")
    for i in range(10):
        for j in range(10):
            colour = "white" if off[i, j] > off.max() / 2 else "black"
            weight = "bold" if i == j else "normal"
            ax.text(
                j, i, counts[i, j], ha="center", va="center", fontsize=8, weight=weight,
                color=colour,
            )  # fmt: skip
    save(figure, "confusion")


def mistakes() -> None:
    """Wrong answers given with most confidence."""
    data = CIFAR10()
    images, labels = data.raw("test")
    made = scores(load_model(shipped(MODEL)).network, images)
    shares = np.exp(made - made.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    answers = shares.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-shares[wrong, answers[wrong]])][:24]
    figure, axes = plt.subplots(3, 8, figsize=(9.2, 4.2))
    for ax, i in zip(axes.flat, worst, strict=True):
        ax.imshow(images[i].transpose(1, 2, 0))
        said, right = data.classes[answers[i]], data.classes[labels[i]]
        ax.set_title(f"said {said}\nis {right}", fontsize=7.5)
        ax.axis("off")
    save(figure, "mistakes")


def time() -> None:
    """Accuracy on all test images against seconds of training, ours and PyTorch's."""
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    ax.margins(y=0.09)
    for path in sorted(RESULTS.glob("*_history.json")):
        recipe, engine = path.stem.removesuffix("_history").rsplit("_", 1)
        rows = [r for r in json.loads(path.read_text()) if r.get("val_accuracy") is not None]
        ours = engine == "tinytorch"
        ax.plot(
            [r["seconds"] for r in rows], [100 * r["val_accuracy"] for r in rows],
            color=OURS if ours else THEIRS, linestyle="-" if ours else "--", linewidth=1.6,
            marker="o", markersize=3, label=f"{recipe}, {'tinytorch' if ours else 'PyTorch'}",
        )  # fmt: skip
        last = rows[-1]
        ax.annotate(
            f"{recipe} {100 * last['val_accuracy']:.1f} %",
            (last["seconds"], 100 * last["val_accuracy"]), fontsize=8,
            xytext=(-5, 4), ha="right", textcoords="offset points", zorder=5,
            color=OURS if ours else THEIRS,
        )  # fmt: skip
    ax.set(xscale="log", xlabel="seconds of training, two cores", ylabel="test accuracy, %")
    ax.grid(alpha=0.25)
    handles = [plt.Line2D([], [], color=OURS), plt.Line2D([], [], color=THEIRS, linestyle="--")]
    ax.legend(handles, ["tinytorch", "PyTorch, same recipe"], frameon=False, loc="lower right")
    save(figure, "time")


def frontier() -> None:
    """The sweep: held-out accuracy in int8 against latency; area is the file's size."""
    rows = json.loads((RESULTS / "sweep.json").read_text())["rows"]
    colours = {"swift": OURS, "plain": "#5f6b7a", "residual": "#8a5fb0", "separable": "#3c8d5a"}
    beside = {  # places of labels that would lie on one another
        "residual 32-48-96": (-1, 14),
        "residual 32-64-80": (9, 0),
        "plain 48-80-104": (9, -11),
        "swift 32-64-80": (9, -14),
        "swift 32-48-96": (-9, 5),
        "swift 48-64-80": (9, 6),
        "swift 32-48-64-96": (12, -22),
        "swift 32-48-64-96 in pairs": (-9, -5),
        "swift 16-32-48-64 in pairs": (9, -12),
        "plain 32-64-128": (-9, -5),
        "ResNet-20": (9, 4),
    }
    figure, ax = plt.subplots(figsize=(8.6, 5.4))
    for row in rows:
        colour = colours.get(row["name"].split()[0], THEIRS)
        x, y = row["latency_us"], 100 * row["int8_accuracy"]
        ax.scatter(x, y, s=row["int8_kb"] * 0.8, color=colour, alpha=0.55, linewidths=0)
        across, up = beside.get(row["name"], (9, 0))
        ax.annotate(f"{row['name']}, {row['int8_kb']:.0f} KB", (x, y), fontsize=7, va="center",
                    ha="left" if across > 0 else "right", xytext=(across, up),
                    textcoords="offset points")  # fmt: skip
    ax.margins(0.12)
    ax.set(xlabel="microseconds, one image, int8", ylabel="held-out accuracy, %")
    ax.set_xlim(left=0, right=1.5 * max(row["latency_us"] for row in rows))
    ax.grid(alpha=0.25)
    save(figure, "frontier")


DRAWINGS = {f.__name__: f for f in (filters, confusion, mistakes, time, frontier)}

if __name__ == "__main__":
    for name in sys.argv[1:] or DRAWINGS:
        DRAWINGS[name]()
