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
# # Systems questions: measure, don't guess
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/06_systems_questions.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/06_systems_questions.ipynb)
#
# **At the end you will have** measured answers to four questions that are usually answered by hearsay: does
# it matter *where* a number lies in memory? What does a batch cost and bring? Why is a network with
# 90 % zeros not ten times faster? And when does INT8 pay?
#
# The curves are your machine's. Before each picture, write down what you expect; the lesson is in the
# difference.

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

from tinytorch import Linear, ReLU, Tensor, engine
from tinytorch.core.autograd import no_grad
from tinytorch.exercises import check
from tinytorch.nn import Sequential, prune
from tinytorch.nn.quantized import convert, stored_bytes
from tinytorch.perf.profiling import Profiler

np.random.seed(0)
profiler = Profiler()
print(f"kernels for {engine.active_isa()}, {engine.num_threads()} threads")


def milliseconds(model, x, runs=40, warmup=5):
    """Median time of one forward pass."""
    with no_grad():
        return profiler.measure_latency(model, x, warmup=warmup, iterations=runs)


def times_faster(slow, fast, x, runs=30):
    """How many times faster `fast` is: both timed by turns, so that a disturbance hits both."""
    milliseconds(slow, x, 5), milliseconds(fast, x, 5)
    pairs = [(milliseconds(slow, x, 1, 1), milliseconds(fast, x, 1, 1)) for _ in range(runs)]
    before, after = np.median(pairs, axis=0)
    return before / after


def random_tensor(*shape):
    return Tensor(np.random.standard_normal(shape))


class Call:
    """Lets `milliseconds` time any function: a model is whatever has `forward`."""

    def __init__(self, function):
        self.forward = function


# %% [markdown]
# A word on method first. The same call, 300 times, never takes the same time. The *median* hardly moves when a few runs
# are disturbed; the mean does. Everything below is a median. Where two things are compared, they are timed by
# turns: a machine that is busy for a second is then busy for both.

# %%
layer, x = Linear(256, 256), random_tensor(16, 256)
times = np.array([1000 * milliseconds(layer, x, runs=1) for _ in range(300)])
fig, ax = plt.subplots(figsize=(6, 2.3))
ax.hist(times, bins=np.linspace(times.min(), np.quantile(times, 0.97), 50))
ax.axvline(np.median(times), color="tab:red", label=f"median {np.median(times):.1f}")
ax.axvline(times.mean(), color="black", linestyle=":", label=f"mean {times.mean():.1f}")
ax.set(xlabel="microseconds", ylabel="runs of 300")
ax.legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## 1. Does it matter where a number lies?
#
# Two experiments without any change of arithmetic. *Left*: add one array to another, in place, for ever larger arrays, on one
# thread. The work per number is the same. *Right*: read the same 4 million numbers, once in order and once in random order.

# %%
threads = engine.num_threads()
engine.set_num_threads(1)
sizes = [2**n for n in range(10, 25)]  # numbers in each of two arrays
rates = []
for size in sizes:
    a, b = Tensor(np.zeros(size)), Tensor(np.ones(size))
    ms = milliseconds(Call(lambda _, a=a, b=b: engine.add_(a, b)), None, runs=15)
    rates.append(3 * 4 * size / ms / 1e6)  # reads a and b, writes a

numbers = np.random.standard_normal(2**22).astype(np.float32)
in_order = np.arange(numbers.size)
shuffled = np.random.permutation(numbers.size)
gather = {
    name: milliseconds(Call(lambda _, order=order: numbers[order].sum()), None, runs=5)
    for name, order in (("in order", in_order), ("shuffled", shuffled))
}
engine.set_num_threads(threads)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), width_ratios=(2, 1))
left.plot([2 * 4 * size / 1024 for size in sizes], rates, marker="o")
left.set(xscale="log", xlabel="KiB in both arrays", ylabel="GB per second", ylim=(0, None))
left.set_title("Adding arrays in place", fontsize=10)
right.bar(list(gather), [1e6 * ms / numbers.size for ms in gather.values()])
right.set_ylabel("nanoseconds per number")
right.set_title("Reading 4 million numbers", fontsize=10)
fig.tight_layout()
plt.show()
print(f"fastest {max(rates):.0f} GB/s, largest arrays {rates[-1]:.0f} GB/s")
print(f"shuffled costs {gather['shuffled'] / gather['in order']:.1f} times as much as in order")

# %% [markdown]
# The steps on the left are the caches: while both arrays fit into one, it delivers; the next one is larger and slower; at the
# end the memory itself sets the pace. (The very smallest arrays are slow for another reason: the call costs more than the
# work.) On the right, memory delivers 64 bytes at a time; in order, sixteen numbers use them, shuffled, one.
#
# So: *how many bytes move, and in what order* is a question to ask before counting operations.
#
# ## 2. What does a batch cost, and what does it bring?

# %%
model = Sequential(Linear(512, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10))
batches = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
latency = [milliseconds(model, random_tensor(batch, 512), runs=25) for batch in batches]
throughput = [batch / ms for batch, ms in zip(batches, latency, strict=True)]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(batches, latency, marker="o")
left.plot(
    batches, [latency[0] * b for b in batches], color="grey", linestyle=":", label="one by one"
)
left.set(xscale="log", yscale="log", xlabel="batch size", ylabel="ms until all are done")
left.legend()
right.plot(latency, throughput, marker="o")
for batch, ms, rate in zip(batches, latency, throughput, strict=True):
    right.annotate(batch, (ms, rate), textcoords="offset points", xytext=(4, -9), fontsize=7)
right.set(xscale="log", xlabel="ms that a row waits", ylabel="rows per ms")
fig.tight_layout()
plt.show()
best = int(np.argmax(throughput))
print(
    f"batch {batches[best]}: {throughput[best] / throughput[0]:.1f} times the throughput of single rows, "
    f"and every row waits {latency[best] / latency[0]:.0f} times as long"
)

# %% [markdown]
# A single row must fetch two megabytes of weights to use each of them once; that is question 1 again. A batch fetches them
# once for all its rows. That is the gain, and it ends where arithmetic takes longer than fetching. From there on a larger
# batch only makes everybody wait. The right picture is the one to bring to a discussion: pick the point, not the maximum.
#
# ## 3. Why is 90 % sparsity not 10 times faster?
#
# Ten times fewer multiplications. And?

# %%
dense = Linear(1024, 1024)
row = random_tensor(1, 1024)
shares = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
speedups = {"any weights": [], "blocks of 4 x 16": [], "whole units": []}
bytes_kept = {name: [] for name in speedups}


def pruned(masks_of, sparsity, layout):
    copy = prune.shrink(dense, 0.0)  # an independent copy
    masks_of(copy, sparsity).apply()
    return prune.to_sparse(copy, format=layout)


for share in shares:
    versions = {
        "any weights": pruned(prune.magnitude_masks, share, "csr"),
        "blocks of 4 x 16": pruned(prune.block_masks, share, "bsr"),
        "whole units": Linear(1024, max(1, round(1024 * (1 - share)))),
    }
    for name, version in versions.items():
        speedups[name].append(times_faster(dense, version, row))
        bytes_kept[name].append(stored_bytes(version) / stored_bytes(dense))

fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
percent = [100 * share for share in shares]
left.plot(percent, [1 / (1 - s) for s in shares], color="grey", linestyle=":", label="hoped for")
right.plot(percent, [1 - s for s in shares], color="grey", linestyle=":", label="hoped for")
for name in speedups:
    left.plot(percent, speedups[name], marker="o", label=name)
    right.plot(percent, bytes_kept[name], marker="o", label=name)
left.axhline(1, color="black", linewidth=0.7)
left.set(yscale="log", xlabel="zeros, %", ylabel="times faster than dense", title="Time, one row")
right.set(yscale="log", xlabel="zeros, %", ylabel="share of the dense bytes", title="Bytes")
left.legend(fontsize=8)
fig.tight_layout()
plt.show()
at = shares.index(0.9)
print("with 90 % zeros:", {name: f"{values[at]:.1f}x" for name, values in speedups.items()})

# %% [markdown]
# Three reasons, in the order of their weight:
#
# * **Every weight that stays needs an address.** The engine has to read where it belongs, fetch that input and
#   multiply; a dense product fetches eight or sixteen neighbours at once and knows where they belong.
# * **The dense product is good at what it does.** The hope compares with a dense product that multiplies one at a time.
# * **What was not multiplication stays**: the call, the bias, the result.
#
# Zeros in blocks give the address back its neighbours. Whole units leave no zeros at all, only a smaller dense layer.
# Regularity is worth more than sparsity. (Which zeros a network can *bear* is another question: accuracy pays for regularity.)
#
# ## 4. When does INT8 pay?
#
# A quarter of the bytes, always. Time: the inputs have to be quantized first, and the result scaled back.

# %%
widths = [32, 64, 128, 256, 512, 1024, 2048]
gain = {1: [], 16: [], 128: []}
for width in widths:
    layer = Linear(width, width)
    small = convert(layer)
    for batch, values in gain.items():
        x = random_tensor(batch, width)
        values.append(times_faster(layer, small, x, 11 if batch * width > 60_000 else 51))

fig, ax = plt.subplots(figsize=(6.5, 3.2))
for batch, values in gain.items():
    ax.plot(widths, values, marker="o", label=f"batch {batch}")
ax.axhline(1, color="black", linewidth=0.7)
ax.set(
    xscale="log", xlabel="width of the layer", ylabel="times faster than float32", ylim=(0, None)
)
ax.set_xticks(widths, widths)
ax.minorticks_off()
ax.legend()
fig.tight_layout()
plt.show()
small = convert(Linear(1024, 1024))
print(f"bytes: {stored_bytes(dense):,} as float32, {stored_bytes(small):,} as int8")
for batch, values in gain.items():
    first = next((w for w, g in zip(widths, values, strict=True) if g > 1.1), None)
    print(
        f"batch {batch:3}: pays from width {first}"
        if first
        else f"batch {batch:3}: never pays here"
    )

# %% [markdown]
# Quantizing the inputs costs time in proportion to the width; the product, to its square. So narrow layers lose and wide ones
# win. With one row, a wide layer waits for its weights, and a quarter of the bytes arrives sooner; with many rows it
# depends on how many int8 products the processor does in one instruction.
#
# ## Exercises
#
# **06.1** `intensity(m, k, n)`: operations per byte of an (m, k) by (k, n) product in float32, if each matrix
# moves once between memory and processor. A multiply and an add are two operations.


# %% tags=["exercise"]
def intensity(m, k, n):
    # your code
    ...


check("06.1", intensity)

# %% [markdown]
# **06.2** `smallest_batch(times, share)`: `times` maps batch sizes to milliseconds. Which is the smallest batch whose
# throughput is at least `share` of the best throughput in the table?


# %% tags=["exercise"]
def smallest_batch(times, share):
    # your code
    ...


check("06.2", smallest_batch)

# %% [markdown]
# **06.3** If one multiplication with an address costs `ratio` times one without, from which share of zeros on is the
# sparse product the faster one? (Ignore everything else.) What ratio does your curve in question 3 suggest?


# %% tags=["exercise"]
def break_even(ratio):
    # your code
    ...


check("06.3", break_even)
