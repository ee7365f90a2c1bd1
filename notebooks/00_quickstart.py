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
# # Quickstart: from a tensor to a network that reads digits
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/00_quickstart.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/00_quickstart.ipynb)
#
# **At the end you will have** trained a network that reads handwritten digits it has never seen, looked
# at the ones it gets wrong, and checked a gradient by hand. Nothing is downloaded: the digits come with the
# package. The whole page runs in a few seconds.

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

from tinytorch import Adam, CrossEntropyLoss, DataLoader, Linear, ReLU, Softmax, Tensor
from tinytorch.datasets import TinyDigits
from tinytorch.exercises import check
from tinytorch.nn import Sequential

np.random.seed(0)  # the initial weights are drawn from NumPy's generator

# %% [markdown]
# ## A tensor remembers where it came from
#
# `y` below is an ordinary number, but it knows the operations that led to it. `backward()` walks that
# record once, in reverse, and leaves the derivative of `y` in `x.grad`.

# %%
x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
y = (x * x).sum()
y.backward()
print("y      =", y.item())
print("dy/dx  =", x.grad.tolist(), "(2x, as on paper)")

# %% [markdown]
# Do not believe it: move one number a little, and see how much `y` moves.

# %%
step = 1e-2
nudged = x.data.copy()
nudged[1, 0] += step
slope = ((nudged**2).sum() - (x.data**2).sum()) / step
print(f"measured slope {slope:.3f}, from backward() {x.grad[1, 0]:.3f}")

# %% [markdown]
# The two differ by the step itself: `((3 + h)² - 3²) / h = 6 + h`. Derivatives are what is left when the
# step goes to zero.
#
# ## The data: 1,797 digits of 8 x 8 pixels

# %%
digits = TinyDigits()
images, labels = digits.get_train_data()
test_images, test_labels = digits.get_test_data()
print(f"{len(images):,} to learn from, {len(test_images)} kept back for the test")

fig, axes = plt.subplots(2, 10, figsize=(8, 1.9))
for i, ax in enumerate(axes.flat):
    ax.imshow(images[i], cmap="gray_r")
    ax.set_title(labels[i], fontsize=9)
    ax.axis("off")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## A network, a loss, an optimizer
#
# 64 pixels go in, 10 scores come out. `CrossEntropyLoss` is small when the right class has the highest
# score; `Adam` moves every weight a little way downhill after each batch of 32 digits.

# %%
model = Sequential(Linear(64, 64), ReLU(), Linear(64, 10))
optimizer = Adam(model.parameters(), lr=0.003)
loss_fn = CrossEntropyLoss()
batches = DataLoader(digits.dataset("train", flatten=True), batch_size=32, shuffle=True, seed=0)
test_x = Tensor(test_images.reshape(-1, 64))

losses, accuracies = [], []
for _ in range(15):
    for x, target in batches:
        optimizer.zero_grad()
        loss = loss_fn(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    accuracies.append((model(test_x).data.argmax(axis=1) == test_labels).mean())
print(f"{accuracies[-1]:.1%} of the test digits are read correctly")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6))
left.plot(losses, linewidth=0.8)
left.set(xlabel="update", ylabel="loss", yscale="log", title="Training loss, each batch")
right.plot(range(1, 16), accuracies, marker="o")
right.set_xticks(range(1, 16, 2))
right.set(xlabel="epoch", ylabel="accuracy", ylim=(0.8, 1.0), title="On digits it has not seen")
fig.tight_layout()
plt.show()

# %% [markdown]
# The left curve is ragged because every batch is another 32 digits. The right one counts all test digits,
# and is what you would tell someone who asks how good the network is.
#
# ## What does it get wrong?
#
# One number hides a lot. `Softmax` turns scores into probabilities; here are the test digits that the
# network was surest about and still got wrong.

# %%
probability = Softmax()(model(test_x)).data
guess = probability.argmax(axis=1)
wrong = np.flatnonzero(guess != test_labels)
wrong = wrong[np.argsort(-probability[wrong].max(axis=1))][:8]

fig, axes = plt.subplots(1, 8, figsize=(8, 1.7))
for ax in axes:
    ax.axis("off")
for ax, i in zip(axes, wrong, strict=False):
    ax.imshow(test_images[i], cmap="gray_r")
    ax.set_title(
        f"{test_labels[i]} read as {guess[i]}\n{probability[i].max():.0%} sure", fontsize=8
    )
fig.tight_layout()
plt.show()

# %% [markdown]
# Some of these a person would get wrong, too. Others show that a network's certainty is not evidence.
#
# ## What did it look at?
#
# The gradient works for inputs as well as for weights. Ask how the score of the right class changes with
# each pixel, and you see which strokes count.

# %%
fig, axes = plt.subplots(2, 6, figsize=(8, 2.9))
for column, i in enumerate(range(6)):
    pixels = Tensor(test_images[i].reshape(1, 64), requires_grad=True)
    model(pixels)[0, int(test_labels[i])].backward()
    axes[0, column].imshow(test_images[i], cmap="gray_r")
    limit = np.abs(pixels.grad).max()
    axes[1, column].imshow(pixels.grad.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
    axes[0, column].set_title(test_labels[i], fontsize=9)
for ax in axes.flat:
    ax.axis("off")
fig.suptitle("Blue: more ink here raises the score; red: lowers it", fontsize=9)
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your answer on inputs that you do not see.
#
# **00.1** `softmax(z)` in NumPy, row by row, for `z` of shape (rows, classes). `np.exp(1000)` overflows;
# what can you subtract first without changing the result?


# %% tags=["exercise"]
def softmax(z):
    # your code
    ...


check("00.1", softmax)

# %% [markdown]
# **00.2** How many parameters has `Sequential(Linear(784, 128), ReLU(), Linear(128, 64), ReLU(), Linear(64, 10))`?
# Work it out before you let the computer count.

# %% tags=["exercise"]
parameters = ...

check("00.2", parameters)

# %% [markdown]
# **00.3** One step of gradient descent with momentum: `velocity` becomes `momentum * velocity + gradient`,
# then the weights move by `-lr * velocity`. Return both new arrays. The check compares four steps with
# `tinytorch.SGD`.


# %% tags=["exercise"]
def momentum_step(weights, gradient, velocity, lr, momentum):
    # your code
    ...


check("00.3", momentum_step)

# %% [markdown]
# Next: [01_capstone](01_capstone.ipynb) makes a network smaller and hands in the proof.
