# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own challenge
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/05_your_own_challenge.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/05_your_own_challenge.ipynb)
#
# **At the end you will have** a challenge that you made: a file that says what counts and what is allowed, a
# judge that trusts nothing it can measure itself, four entries, and a leaderboard. Hand the file to a friend
# or a class, and it is a competition.
#
# A limit such as "below 10 ms" belongs to a challenge, not to a framework. So it lives in a file.

# %% tags=["setup"]
# Installs tinytorch where it is missing, as on Colab; elsewhere this does nothing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinytorch") is None:
    source = "tinytorch[notebooks] @ git+https://github.com/OWNER/tinytorch"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tinytorch import Adam, CrossEntropyLoss, DataLoader, Linear, ReLU, Tensor
from tinytorch.capstone import (
    BenchmarkReport,
    SimpleMLP,
    generate_submission,
    load_submission,
    save_submission,
)
from tinytorch.datasets import TinyDigits
from tinytorch.exercises import check
from tinytorch.nn import Sequential, prune
from tinytorch.nn.quantized import convert

# %% [markdown]
# ## The rules, as a file
#
# *Pocket digits*: read digits with at most 6 KiB of weights and at least 90 % right. Among the entries that keep the
# limits, the score decides: halving the size is worth as much as one point of accuracy.

# %%
folder = Path(tempfile.mkdtemp())
challenge = {
    "name": "pocket digits",
    "data": "TinyDigits, test part",
    "limits": {
        "accuracy": {"min": 0.90},
        "model_size_bytes": {"max": 6 * 1024},
        "latency_ms_mean": {"max": 100.0},
    },
    "score": {"accuracy_point": 1.0, "halved_size": 1.0},
}
(folder / "pocket_digits.json").write_text(json.dumps(challenge, indent=2))
challenge = json.loads((folder / "pocket_digits.json").read_text())
print(json.dumps(challenge["limits"], indent=2))

# %% [markdown]
# ## The judge
#
# Three decisions make it a fair one.
#
# 1. It **measures the model itself**, on the test digits. What a submission says is compared with that.
# 2. It compares only what must be equal on every machine: accuracy and stored bytes. Time depends on the
#    machine, so the judge's own figure counts.
# 3. The score is continuous. A score that jumps at a threshold rewards luck at the threshold.

# %%
digits = TinyDigits()
test_images, test_labels = digits.get_test_data()
X_test = Tensor(test_images.reshape(-1, 64))


def measure(name, model):
    report = BenchmarkReport(name)
    report.benchmark_model(model, X_test, test_labels, num_runs=50)
    return report


def broken(metrics, limits):
    """The limits that are broken, in words. A missing or NaN metric breaks its limit."""
    found = []
    for key, limit in limits.items():
        value = metrics.get(key, float("nan"))
        if not limit.get("min", -np.inf) <= value <= limit.get("max", np.inf):
            found.append(f"{key} = {value:,.4g}, allowed {limit}")
    return found


def judge(challenge, name, model, claimed):
    """Verdict and score of one entry; `claimed` is its submission."""
    measured = measure(name, model).metrics
    section = claimed.get("optimized", claimed["baseline"])["metrics"]
    for key, slack in (("accuracy", 1e-6), ("model_size_bytes", 0)):
        if abs(section.get(key, np.nan) - measured[key]) <= slack:
            continue
        reason = f"claims {key} {section.get(key)}, measured {measured[key]:.6g}"
        return {"name": name, "verdict": "refused", "why": reason, "score": None, **measured}
    reasons = broken(measured, challenge["limits"])
    if reasons:
        return {"name": name, "verdict": "outside", "why": reasons[0], "score": None, **measured}
    weights, largest = challenge["score"], challenge["limits"]["model_size_bytes"]["max"]
    score = weights["accuracy_point"] * 100 * measured["accuracy"]
    score += weights["halved_size"] * np.log2(largest / measured["model_size_bytes"])
    return {"name": name, "verdict": "ok", "why": "", "score": float(score), **measured}


# %% [markdown]
# ## Four entries
#
# Two play by the rules, one is too large, and one lies.

# %%
np.random.seed(0)
train = DataLoader(digits.dataset("train", flatten=True), batch_size=32, shuffle=True, seed=0)


def fit(model, epochs, lr=0.003):
    optimizer, loss_fn = Adam(model.parameters(), lr=lr), CrossEntropyLoss()
    for _ in range(epochs):
        for x, target in train:
            optimizer.zero_grad()
            loss_fn(model.forward(x), target).backward()
            optimizer.step()
    return model


large = fit(SimpleMLP(64, 128, 10), 15)
narrow = fit(Sequential(Linear(64, 24), ReLU(), Linear(24, 10)), 25)
shrunk = convert(fit(prune.shrink(large, 0.5), 5, lr=0.001))
tiny = convert(fit(Sequential(Linear(64, 12), ReLU(), Linear(12, 10)), 25))

entries = {"Ada: shrunk, int8": shrunk, "Ben: 12 units, int8": tiny, "Cleo: 128 units": large}
claims = {}
for name, model in entries.items():
    path = folder / f"{name.split(':')[0]}.json"
    save_submission(
        generate_submission(measure(name, model), student_name=name.split(":")[0]), path
    )
    claims[name] = load_submission(path)

entries["Dan: 24 units"] = narrow
boast = measure("Dan", narrow)
boast.metrics["accuracy"] = 1.0
claims["Dan: 24 units"] = generate_submission(boast, student_name="Dan")

# %% [markdown]
# Dan's file is *valid*: a schema can tell that 1.0 is an accuracy, not that it is true. That is what the judge is for.

# %%
board = [judge(challenge, name, model, claims[name]) for name, model in entries.items()]
board.sort(key=lambda row: (row["score"] is None, -(row["score"] or 0)))
print(f"{'':22}{'verdict':9}{'score':>7}{'accuracy':>10}{'bytes':>8}")
for row in board:
    score = f"{row['score']:.2f}" if row["score"] is not None else "-"
    print(
        f"{row['name']:22}{row['verdict']:9}{score:>7}{row['accuracy']:>10.1%}"
        f"{row['model_size_bytes']:>8,}  {row['why']}"
    )

# %% [markdown]
# ## See the rules
#
# The limits cut out a corner; lines of equal score run through it. If all good entries pile up at one edge
# of the corner, the rules are lopsided: change a weight and draw again.

# %%
limits = challenge["limits"]
sizes = np.geomspace(500, 60_000, 200)
grid_size, grid_accuracy = np.meshgrid(sizes, np.linspace(0.86, 1.0, 200))
score = 100 * grid_accuracy * challenge["score"]["accuracy_point"]
score = score + challenge["score"]["halved_size"] * np.log2(
    limits["model_size_bytes"]["max"] / grid_size
)
allowed = (grid_size <= limits["model_size_bytes"]["max"]) & (
    grid_accuracy >= limits["accuracy"]["min"]
)

fig, ax = plt.subplots(figsize=(7, 3.8))
lines = ax.contour(
    grid_size, 100 * grid_accuracy, np.where(allowed, score, np.nan), 8, cmap="viridis"
)
ax.clabel(lines, fontsize=7)
ax.axvline(limits["model_size_bytes"]["max"], color="tab:red", linewidth=1)
ax.axhline(100 * limits["accuracy"]["min"], color="tab:red", linewidth=1)
for row in board:
    colour = {"ok": "tab:green", "outside": "tab:red", "refused": "black"}[row["verdict"]]
    ax.scatter(row["model_size_bytes"], 100 * row["accuracy"], color=colour, zorder=3)
    ax.annotate(
        row["name"].split(":")[0],
        (row["model_size_bytes"], 100 * row["accuracy"]),
        textcoords="offset points",
        xytext=(6, -10),
        fontsize=8,
    )
ax.set(xscale="log", xlabel="bytes", ylabel="accuracy, %", title="Lines of equal score")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## How sure is the ranking?
#
# 364 digits decide here. Draw 364 of them again and again, with repetition (the *bootstrap*), and see how often the first
# two would change places.

# %%
first, second = (row["name"] for row in board[:2])
right = {
    name: entries[name].forward(X_test).data.argmax(axis=1) == test_labels
    for name in (first, second)
}
size_points = {
    row["name"]: row["score"] - 100 * row["accuracy"] * challenge["score"]["accuracy_point"]
    for row in board[:2]
}
rng = np.random.default_rng(0)
draws = rng.integers(0, len(test_labels), (2000, len(test_labels)))
difference = (
    100 * (right[first][draws].mean(axis=1) - right[second][draws].mean(axis=1))
    + size_points[first]
    - size_points[second]
)

fig, ax = plt.subplots(figsize=(6, 2.6))
ax.hist(difference, bins=40, color="tab:blue")
ax.axvline(0, color="tab:red")
ax.set(
    xlabel=f"score of {first.split(':')[0]} minus {second.split(':')[0]}", ylabel="draws of 2,000"
)
fig.tight_layout()
plt.show()
print(f"{first} stays ahead in {(difference > 0).mean():.1%} of the draws")

# %% [markdown]
# Two entries that change places in every tenth draw are not ranked, they are tossed. Either find more test
# data, or let such neighbours share their place.
#
# ## Exercises
#
# **05.1** `broken_limits(metrics, limits)`: the *names* of the limits that are broken. Reaching a limit exactly is allowed;
# a missing or NaN metric is not. (Yes, there is something like it above. Write yours first.)


# %% tags=["exercise"]
def broken_limits(metrics, limits):
    # your code
    ...


check("05.1", broken_limits)

# %% [markdown]
# **05.2** `pareto(sizes, accuracies)`: the places of the entries that no other entry beats. An entry is beaten by one that
# is at most as large and at least as accurate, and better in one of the two.


# %% tags=["exercise"]
def pareto(sizes, accuracies):
    # your code
    ...


check("05.2", pareto)

# %% [markdown]
# **05.3** An entry is 4 times faster on one task and 4 times slower on another: on average, nothing was gained. Yet the
# arithmetic mean of 4 and 1/4 is above 2. `mean_speedup(ratios)` should say 1. Long lists of large ratios must not overflow.


# %% tags=["exercise"]
def mean_speedup(ratios):
    # your code
    ...


check("05.3", mean_speedup)
