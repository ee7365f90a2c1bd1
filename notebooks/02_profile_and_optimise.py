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
# # Profile, then optimise
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/02_profile_and_optimise.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/02_profile_and_optimise.ipynb)
#
# **At the end you will have** a small CNN taken apart layer by layer: where its time goes, where its bytes
# are, and that these are two different places. Then a picture of every compressed version of it, in which
# you can see which are worth having.
#
# The rule of the page: *no change without a measurement before it*.

# %% tags=["setup"]
# Installs tinytorch where it is missing, as on Colab; elsewhere this does nothing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinytorch") is None:
    source = "tinytorch[notebooks] @ git+https://github.com/OWNER/tinytorch"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinytorch import Adam, Conv2d, CrossEntropyLoss, DataLoader, Linear, MaxPool2d, ReLU, Tensor
from tinytorch.core.autograd import no_grad
from tinytorch.datasets import TinyDigits
from tinytorch.exercises import check
from tinytorch.nn import Flatten, Sequential, prune
from tinytorch.nn.quantized import convert, stored_bytes
from tinytorch.perf.profiling import Profiler

np.random.seed(0)
digits = TinyDigits()
train = DataLoader(digits.dataset("train"), batch_size=32, shuffle=True, seed=0)
test_images, test_labels = digits.get_test_data()
X_test = Tensor(test_images[:, None])  # (364, 1, 8, 8)


def fit(model, epochs, lr=0.003, after_step=lambda: None):
    optimizer, loss_fn = Adam(model.parameters(), lr=lr), CrossEntropyLoss()
    for _ in range(epochs):
        for x, target in train:
            optimizer.zero_grad()
            loss_fn(model(x), target).backward()
            optimizer.step()
            after_step()
    return model


def accuracy(model):
    with no_grad():
        return float((model(X_test).data.argmax(axis=1) == test_labels).mean())


model = Sequential(
    Conv2d(1, 16, 3, padding=1),
    ReLU(),
    Conv2d(16, 32, 3, padding=1),
    ReLU(),
    MaxPool2d(2),
    Flatten(),
    Linear(32 * 4 * 4, 64),
    ReLU(),
    Linear(64, 10),
)
fit(model, epochs=6)
print(f"{accuracy(model):.1%} on unseen digits, {stored_bytes(model):,} bytes")

# %% [markdown]
# ## Guess first
#
# Which layer takes most of the time? Which has most of the bytes? Write your guess down, then run the
# cell. Each layer is timed on the input it really gets.

# %%
profiler = Profiler()
rows = []
with no_grad():
    x = X_test[:32]
    for layer in model.layers:
        rows.append(
            (
                type(layer).__name__,
                1000 * profiler.measure_latency(layer, x, warmup=20, iterations=200),
                len(x) * profiler.count_flops(layer, (1, *x.shape[1:])),  # counted for one image
                stored_bytes(layer),
            )
        )
        x = layer(x)

total_us, total_bytes = sum(r[1] for r in rows), sum(r[3] for r in rows)
print(f"{'layer':12}{'us':>9}{'time':>7}{'FLOPs':>13}{'bytes':>10}{'bytes':>7}   (batch of 32)")
for name, us, flops, size in rows:
    print(f"{name:12}{us:9.1f}{us / total_us:7.0%}{flops:13,}{size:10,}{size / total_bytes:7.0%}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
names = [f"{i} {row[0]}" for i, row in enumerate(rows)]
left.barh(names, [row[1] / total_us for row in rows], color="tab:orange")
left.set_title("Share of the time", fontsize=10)
right.barh(names, [row[3] / total_bytes for row in rows], color="tab:blue")
right.set_title("Share of the bytes", fontsize=10)
left.invert_yaxis()
for ax in (left, right):
    ax.set_xlim(0, 1)
fig.tight_layout()
plt.show()

# %% [markdown]
# A convolution uses each of its few weights at every pixel: much time, few bytes. The first `Linear` uses
# each of its many weights once: few operations, most of the bytes. So "optimise the model" is two
# questions, and a change that answers one may leave the other where it was.
#
# ## How far from the ceiling?
#
# FLOPs divided by time is the rate at which a layer works. A large matrix product shows what this
# machine can do; a layer far below has something other than arithmetic to wait for.

# %%
rng = np.random.default_rng(0)
big = Tensor(rng.normal(size=(512, 512)).astype(np.float32))
square = Linear(512, 512)
ms = profiler.measure_latency(square, big, warmup=5, iterations=30)
ceiling = 512 * profiler.count_flops(square, (1, 512)) / ms / 1e6
print(f"512 x 512 x 512 product: {ceiling:.0f} GFLOP/s\n")
for name, us, flops, _ in rows:
    rate = flops / us / 1000
    print(f"{name:12}{rate:8.2f} GFLOP/s {'#' * round(40 * min(1, rate / ceiling))}")

# %% [markdown]
# ## Make versions
#
# Every version keeps the same interface, so the same code measures it.

# %%
versions = {"float32": model, "int8": convert(model)}
for share in (0.25, 0.5, 0.75):
    small = fit(prune.shrink(model, share), epochs=2, lr=0.001)
    versions[f"-{share:.0%} units"] = small
    versions[f"-{share:.0%} units, int8"] = convert(small)
for sparsity in (0.8, 0.95):
    copy = prune.shrink(model, 0.0)  # an independent copy
    masks = prune.magnitude_masks(copy, sparsity)
    masks.apply()
    fit(copy, epochs=2, lr=0.001, after_step=masks.apply)
    versions[f"{sparsity:.0%} zeros"] = prune.to_sparse(copy)

results = {}
one = X_test[:1]
for name, version in versions.items():
    with no_grad():
        us = 1000 * profiler.measure_latency(version, one, warmup=50, iterations=500)
    results[name] = (stored_bytes(version), accuracy(version), us)
    print(f"{name:18}{results[name][0]:9,} bytes {results[name][1]:7.1%} {us:8.1f} us per digit")

# %% [markdown]
# ## Which are worth having?
#
# A version is worth having if no other is better in one thing without being worse in the other. Those
# form the *Pareto front*; the rest can be forgotten, whatever work went into them.


# %%
def pareto_front(cost, score):
    """The places that no other beats: cheaper or better, and not worse in the other."""
    return [
        i
        for i in range(len(cost))
        if not any(
            (cost <= cost[i]) & (score >= score[i]) & ((cost < cost[i]) | (score > score[i]))
        )
    ]


fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), sharey=True)
score = np.array([100 * r[1] for r in results.values()])
for ax, column, title in ((axes[0], 0, "KiB stored"), (axes[1], 2, "microseconds for one digit")):
    cost = np.array([r[column] for r in results.values()]) / (1024 if column == 0 else 1)
    front = sorted(pareto_front(cost, score), key=lambda i: cost[i])
    ax.plot(cost[front], score[front], color="grey", linewidth=1, zorder=1, label="Pareto front")
    for i, name in enumerate(results):
        marker = "s" if "int8" in name else "^" if "zeros" in name else "o"
        ax.scatter(cost[i], score[i], color=plt.cm.tab10(i), marker=marker, label=name)
    ax.set(xlabel=title, xlim=(0, None))
axes[0].set_ylabel("accuracy, %")
axes[1].legend(fontsize=7, loc="lower left", bbox_to_anchor=(1.0, 0.0))
fig.tight_layout()
plt.show()

# %% [markdown]
# Is it the same versions left and right? Zeros scattered over the weights (triangles) save bytes and cost
# time; smaller layers save both; int8 (squares) quarters the bytes, and what it does to the time
# depends on how much arithmetic a layer has. "Optimised" means nothing until you say for what.
#
# One digit more or less is 0.27 % of this test set. Differences of that size between two versions are
# noise; do not build on them.
#
# ## Exercises
#
# **02.1** `conv_flops(channels_in, channels_out, kernel, height_out, width_out)` for one image and a square
# kernel, without the bias. A multiply and an add count as two.


# %% tags=["exercise"]
def conv_flops(channels_in, channels_out, kernel, height_out, width_out):
    # your code
    ...


check("02.1", conv_flops)

# %% [markdown]
# **02.2** A layer takes the share `share` of the time. You make it `factor` times faster. How much faster is
# the whole? (Try your function with the table above before you optimise `ReLU`.)


# %% tags=["exercise"]
def whole_speedup(share, factor):
    # your code
    ...


check("02.2", whole_speedup)

# %% [markdown]
# **02.3** `quantize(weights)` for float32 weights of shape (inputs, outputs): int8 numbers of that shape, and
# one scale per output (an array), so that `numbers * scales` is as close to the weights as int8 allows. The
# largest weight of each output becomes ±127. A column of zeros must not divide by zero.


# %% tags=["exercise"]
def quantize(weights):
    # your code
    ...


check("02.3", quantize)
