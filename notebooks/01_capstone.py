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
# # Capstone: baseline, optimise, compare, submit
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/01_capstone.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/01_capstone.ipynb)
#
# **At the end you will have** a `submission.json`: a network and a smaller version of it, both measured on
# this machine, with what was gained and what it cost, in a form that a validator accepts. The page runs
# in well under a minute.
#
# There are four steps, and their order matters: *measure* before you change anything, change *one thing at
# a time*, measure again *in the same way*, and only then claim something.

# %% tags=["setup"]
# Installs tinytorch where it is missing, as on Colab; elsewhere this does nothing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinytorch") is None:
    source = "tinytorch[notebooks] @ git+https://github.com/OWNER/tinytorch"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tinytorch import Adam, CrossEntropyLoss, DataLoader, Tensor
from tinytorch.capstone import (
    BenchmarkReport,
    SimpleMLP,
    SubmissionSchemaError,
    generate_submission,
    load_submission,
    save_submission,
    validate_submission_schema,
)
from tinytorch.datasets import TinyDigits
from tinytorch.exercises import check
from tinytorch.nn import prune
from tinytorch.nn.quantized import convert

np.random.seed(0)
digits = TinyDigits()
train = DataLoader(digits.dataset("train", flatten=True), batch_size=32, shuffle=True, seed=0)
test_images, test_labels = digits.get_test_data()
X_test, y_test = Tensor(test_images.reshape(-1, 64)), test_labels


def fit(model, epochs, lr, after_step=lambda: None):
    """Train in place. `after_step` runs behind each update."""
    optimizer, loss_fn = Adam(model.parameters(), lr=lr), CrossEntropyLoss()
    for _ in range(epochs):
        for x, target in train:
            optimizer.zero_grad()
            loss_fn(model.forward(x), target).backward()
            optimizer.step()
            after_step()
    return model


# %% [markdown]
# ## 1. Baseline
#
# `SimpleMLP` is two layers. Its initial weights are tiny, so give it a few epochs before you judge it.

# %%
baseline = fit(SimpleMLP(input_size=64, hidden_size=128, output_size=10), epochs=20, lr=0.003)
before = BenchmarkReport("baseline")
before.benchmark_model(baseline, X_test, y_test)

for key in (
    *("parameter_count", "model_size_bytes", "size_source", "accuracy"),
    *("latency_ms_mean", "latency_ms_std", "latency_ms_p99", "num_runs", "calls_per_run"),
    *("throughput_samples_per_sec", "batched_throughput_samples_per_sec", "best_batch_size"),
):
    value = before.metrics[key]
    print(f"{key:36}{value:>16,.6g}" if not isinstance(value, str) else f"{key:36}{value:>16}")

# %% [markdown]
# Two of these deserve a second look. `latency` is one digit at a time; `batched_throughput` is what the
# same network does when digits arrive together. They answer different questions, and neither follows
# from the other.

# %%
sizes, rates = zip(*before.throughput_curve, strict=True)
fig, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(sizes, np.array(rates) / 1e6, marker="o")
ax.axhline(before.metrics["throughput_samples_per_sec"] / 1e6, color="grey", linestyle=":")
ax.set(xscale="log", xlabel="batch size", ylabel="million digits per second")
ax.set_xticks(sizes, sizes)
ax.set_title("Throughput; dotted: 1 / latency of a single digit", fontsize=10)
fig.tight_layout()
plt.show()

# %% [markdown]
# ## 2. Optimise
#
# Three ways to spend fewer bytes, and one of them twice:
#
# * **int8**: weights become whole numbers from -127 to 127, with one scale for each output;
# * **half the units**: the 64 hidden units with the smallest weights leave, then the rest is fine-tuned;
# * **80 % zeros**: single weights leave, and only those that stay are stored;
# * **half the units, in int8**: the first two together.

# %%
half = fit(prune.shrink(baseline, 0.5), epochs=5, lr=0.001)

pruned = fit(SimpleMLP(64, 128, 10), epochs=20, lr=0.003)
masks = prune.magnitude_masks(pruned, 0.8)
masks.apply()
fit(pruned, epochs=5, lr=0.001, after_step=masks.apply)

variants = {
    "int8": convert(baseline),
    "half the units": half,
    "80 % zeros": prune.to_sparse(pruned),
    "half, int8": convert(half),
}

# %% [markdown]
# ## 3. Compare
#
# The same measurement for each, on the same digits.

# %%
reports = {"baseline": before}
for name, model in variants.items():
    reports[name] = BenchmarkReport(name)
    reports[name].benchmark_model(model, X_test, y_test)

print(f"{'':16}{'bytes':>8}{'smaller':>9}{'accuracy':>10}{'us/digit':>10}{'faster':>8}")
for name, report in reports.items():
    m, b = report.metrics, before.metrics
    print(
        f"{name:16}{m['model_size_bytes']:>8,}"
        f"{b['model_size_bytes'] / m['model_size_bytes']:>8.2f}x{m['accuracy']:>10.1%}"
        f"{1000 * m['latency_ms_mean']:>10.2f}{b['latency_ms_mean'] / m['latency_ms_mean']:>7.2f}x"
    )

# %%
fig, axes = plt.subplots(1, 3, figsize=(9, 2.8))
names = list(reports)
colours = ["grey", *plt.cm.tab10.colors[: len(variants)]]
for ax, key, factor, title in (
    (axes[0], "model_size_bytes", 1 / 1024, "KiB stored"),
    (axes[1], "accuracy", 100, "accuracy, %"),
    (axes[2], "latency_ms_mean", 1000, "microseconds per digit"),
):
    values = [reports[name].metrics[key] * factor for name in names]
    ax.barh(names, values, color=colours)
    ax.invert_yaxis()
    ax.set_title(title, fontsize=10)
    for place, value in enumerate(values):
        ax.text(value, place, f" {value:.3g}", va="center", fontsize=8)
    ax.margins(x=0.2)
for ax in axes[1:]:
    ax.set_yticks([])
axes[1].set_xlim(80, 104)
low = [1000 * reports[n].metrics["latency_ms_ci95_low"] for n in names]
high = [1000 * reports[n].metrics["latency_ms_ci95_high"] for n in names]
axes[2].hlines(range(len(names)), low, high, color="black", linewidth=2)
fig.tight_layout()
plt.show()

# %% [markdown]
# Bytes fall in every row. Time does not have to: a network this small spends much of its time on
# things that no compression touches, such as the call from Python, and int8 has to quantize its inputs
# first. [06_systems_questions](06_systems_questions.ipynb) finds out when it pays. If a row on
# your machine says 0.8x, that is a result, not a failure.
#
# ## 4. Submit
#
# `generate_submission` computes the improvements from the two reports; `save_submission` validates before
# it writes.

# %%
submission = generate_submission(
    before,
    reports["half, int8"],
    student_name="Ada",
    techniques_applied=["structured_pruning", "int8_quantization"],
)
folder = Path(tempfile.mkdtemp())
path = save_submission(submission, folder / "submission.json")
print({key: round(value, 3) for key, value in load_submission(path)["improvements"].items()})
print(path.read_text()[:330], "...")

# %% [markdown]
# The validator computes the improvements again. A better number is not accepted just because it is written
# down:

# %%
forged = load_submission(path)
forged["improvements"]["speedup"] = 100.0
try:
    validate_submission_schema(forged)
except SubmissionSchemaError as error:
    print(error)

# %% [markdown]
# ## Exercises
#
# **01.1** `improvements(before, after)`: from the metrics of two reports, the dict with `speedup`,
# `compression_ratio` and `accuracy_delta`. A ratio above 1 must mean *better*; decide from that
# which goes on top. The metrics are `latency_ms_mean`, `model_size_mb` and `accuracy`.


# %% tags=["exercise"]
def improvements(before, after):
    # your code
    ...


check("01.1", improvements)

# %% [markdown]
# **01.2** One interrupted run can spoil a mean. `robust_mean(latencies)`: with the median *m* and the MAD
# (the median of |x - m|), drop every run with |x - m| > 5 · 1.4826 · MAD and average the rest. If the MAD is
# 0, drop nothing.


# %% tags=["exercise"]
def robust_mean(latencies):
    # your code
    ...


check("01.2", robust_mean)

# %% [markdown]
# **01.3** Beat this page: a submission with the same baseline that is at least **6 times smaller** and loses
# at most **2 points** of accuracy. You have `fit`, `prune.shrink`, `prune.magnitude_masks`, `prune.to_sparse`
# and `convert`.

# %% tags=["exercise"]
my_submission = ...

check("01.3", my_submission)
