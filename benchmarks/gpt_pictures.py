"""The pictures of docs/gpt.md, from committed results.

    python benchmarks/gpt_pictures.py [NAME...]

Reads benchmarks/results/gpt, writes docs/images/gpt_*.png. Needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from contender import ROOT

RESULTS, IMAGES = ROOT / "benchmarks" / "results" / "gpt", ROOT / "docs" / "images"
COLOURS = {"f32": "#1f5fa8", "int8": "#2d7d3a", "int4": "#8a3ffc"}
RECIPES = {"quick": "#2d7d3a", "standard": "#1f5fa8", "best": "#8a3ffc"}
# Its read-me's figures for characters of Tiny Shakespeare: minutes, loss, what ran.
NANOGPT = [(3.0, 1.88, "nanoGPT,\nCPU settings"), (3.0, 1.4697, "nanoGPT,\none A100")]


def save(figure: Any, name: str) -> None:
    figure.tight_layout()
    figure.savefig(IMAGES / f"gpt_{name}.png", dpi=110)
    plt.close(figure)


def scaling() -> Any:
    return json.loads((RESULTS / "scaling.json").read_text())


def loss() -> None:
    """Loss over the validation part against minutes of training."""
    figure, ax = plt.subplots(figsize=(7.2, 4.4))
    for recipe, colour in RECIPES.items():
        path = RESULTS / "logs" / "epyc" / recipe / "history.json"
        if not path.exists():
            continue
        rows = json.loads(path.read_text())
        minutes, losses = [r["seconds"] / 60 for r in rows], [r["val_loss"] for r in rows]
        ax.plot(minutes, losses, color=colour, linewidth=1.6, marker="o", markersize=3)
        ax.annotate(
            f"{recipe} {losses[-1]:.3f}", (minutes[-1], losses[-1]), xytext=(-4, -14), fontsize=8,
            textcoords="offset points", color=colour,
        )  # fmt: skip
    for minutes_there, value, what in NANOGPT:
        ax.plot(minutes_there, value, "D", color="#d1641b", markersize=5)
        ax.annotate(
            f"{what} {value}", (minutes_there, value), xytext=(-7, -8), fontsize=8, ha="right",
            textcoords="offset points", color="#d1641b",
        )  # fmt: skip
    ax.set(
        xscale="log", ylim=(1.38, 2.05), xlim=(0.4, 70),
        xlabel="minutes of training, two cores (nanoGPT's as it says)",
        ylabel="nats per character, validation part, side by side",
    )  # fmt: skip
    ax.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    ax.grid(alpha=0.25)
    save(figure, "loss")


def context() -> None:
    """Tokens per second at a length of text, with the cache and without."""
    found = scaling()
    figure, ax = plt.subplots(figsize=(7.2, 4.4))
    for precision, rows in found["context"].items():
        lengths = [r["length"] for r in rows]
        for key, style, kind in (("cached", "-", "with cache"), ("anew", "--", "without")):
            rates = [r[key] for r in rows]
            ax.plot(
                lengths, rates, style, color=COLOURS[precision], linewidth=1.6, marker="o",
                markersize=3, label=f"{precision}, {kind}",
            )  # fmt: skip
    ax.set(
        xscale="log", yscale="log", xlabel="length of the text, tokens", ylabel="tokens per second"
    )
    ax.set_xticks(lengths, [str(n) if n != 768 else "" for n in lengths])
    ax.minorticks_off()
    ax.grid(alpha=0.25)
    ax.legend(frameon=False, fontsize=8, ncols=3, loc="lower left")
    ax.set_title(title(found), fontsize=9, loc="left")
    save(figure, "context")


def title(found: Any) -> str:
    threads = found["threads"]
    many = "s" * (threads > 1)
    return f"GPT-2, 124 million weights, {threads} thread{many}, {found['isa']}, {found['date']}"


def number(ax: Any, rows: list[Any], xs: list[float], ys: list[float], colour: str) -> None:
    """Texts at once beside the points."""
    for row, x, y in zip(rows, xs, ys, strict=True):
        ax.annotate(
            str(row["batch"]), (x, y), xytext=(5, -9), fontsize=7, color=colour,
            textcoords="offset points",
        )  # fmt: skip


def roofline() -> None:
    """What a step of decoding computes and reads, under what the machine can do."""
    found = scaling()
    limits = found["limits"]
    memory = limits["bandwidths"]["DRAM"]
    peaks = {"f32": limits["peaks"]["f32"], "int8": limits["peaks"]["int8"]}
    figure, ax = plt.subplots(figsize=(7.2, 4.6))
    ends = (0.3, 400.0)
    top = max(peaks.values())
    ax.plot((ends[0], top / memory), (ends[0] * memory, top), color="#777777", linewidth=1.2)
    ax.annotate(
        f"reading memory,\n{memory / 1e9:.0f} GB/s", (2 * ends[0], 2 * ends[0] * memory),
        xytext=(-2, 20), textcoords="offset points", fontsize=8, ha="center", color="#444444",
    )  # fmt: skip
    for name, peak in peaks.items():
        ax.plot((peak / memory, ends[1]), (peak, peak), color=COLOURS[name], linewidth=1.2)
        ax.annotate(
            f"{name} peak", (ends[1], peak), xytext=(-3, 4), fontsize=8, ha="right",
            textcoords="offset points", color=COLOURS[name],
        )  # fmt: skip
    for precision, colour in COLOURS.items():
        rows = [r for r in found["batches"] if r["precision"] == precision]
        xs = [r["operations"] / r["bytes"] for r in rows]
        ys = [r["operations"] / r["between_p50"] for r in rows]
        ax.plot(xs, ys, color=colour, marker="o", markersize=4, linewidth=1, label=precision)
        number(ax, rows, xs, ys, colour)
    ax.set(
        xscale="log", yscale="log", xlim=ends, xlabel="operations per byte of weights and cache",
        ylabel="operations per second",
    )  # fmt: skip
    ax.grid(alpha=0.25)
    ax.legend(frameon=False, fontsize=8, loc="lower right", title="texts at once beside the points")
    ax.set_title(title(found), fontsize=9, loc="left")
    save(figure, "roofline")


def batches() -> None:
    """What one text waits for a token against what all get, by number of texts at once."""
    found = scaling()
    figure, ax = plt.subplots(figsize=(7.2, 4.4))
    for precision, colour in COLOURS.items():
        rows = [r for r in found["batches"] if r["precision"] == precision]
        xs, ys = [r["tokens_per_s"] for r in rows], [1e3 * r["between_p50"] for r in rows]
        tails = [1e3 * (r["between_p99"] - r["between_p50"]) for r in rows]
        ax.errorbar(
            xs, ys, yerr=[[0] * len(rows), tails], color=colour, marker="o", markersize=4,
            linewidth=1.2, elinewidth=0.7, label=precision,
        )  # fmt: skip
        number(ax, rows, xs, ys, colour)
    ax.set(
        xscale="log", yscale="log", xlabel="tokens per second, all texts together",
        ylabel="ms between tokens of one text (p50, line to p99)",
    )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    ax.set_yticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    ax.set_xticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1,000", "2,000"])
    ax.set(xlim=(75, 3500), ylim=(1.3, 50))
    ax.grid(alpha=0.25)
    ax.legend(frameon=False, fontsize=8, loc="upper left", title="texts at once beside the points")
    ax.set_title(title(found), fontsize=9, loc="left")
    save(figure, "batches")


DRAWINGS = {f.__name__: f for f in (loss, context, roofline, batches)}

if __name__ == "__main__":
    for name in sys.argv[1:] or DRAWINGS:
        DRAWINGS[name]()
