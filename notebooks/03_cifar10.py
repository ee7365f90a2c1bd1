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
# # Colour images: why convolutions
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/tinytorch/blob/main/notebooks/03_cifar10.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/OWNER/tinytorch/main?labpath=notebooks/03_cifar10.ipynb)
#
# **At the end you will have** two networks for 32 x 32 colour images, one without and one with convolutions;
# a picture of why the second wins with a tenth of the weights; and the filters it found by itself.
#
# CIFAR-10 is 50,000 photographs to train on, forty times as large as the package. So this page trains on
# CIFAR-10 if the environment variable `TINYTORCH_DATA` names a folder that has it, and otherwise on
# `TinyShapes`, ten figures that the package draws in the very same form. Every line below works for both.
# 200 of CIFAR-10's test photographs do come along, and a network that knows them: the last section.

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
from tinytorch.bench import precise_timer
from tinytorch.core.autograd import no_grad
from tinytorch.datasets import CIFAR10, ImageDataset, TinyShapes
from tinytorch.exercises import check
from tinytorch.nn import BatchNorm2d, Flatten, Sequential
from tinytorch.optim import CosineSchedule

try:
    data = CIFAR10()
except FileNotFoundError:
    data = TinyShapes()
TRAIN, TEST = 5000, 1000  # with CIFAR-10 there are up to 50,000 and 10,000, if you have the minutes

mean, std = data.channel_statistics()


def part(split, count):
    """`count` images from all over the set, each channel with mean 0 and deviation 1."""
    pixels, classes = data.raw(split)
    chosen = np.linspace(0, len(pixels) - 1, count).astype(int)  # the set may be sorted by class
    return ImageDataset(
        pixels[chosen], classes[chosen].astype(np.int64), scale=1 / 255, mean=mean, std=std
    )


train, test = part("train", TRAIN), part("test", TEST)
print(f"{type(data).__name__}: {len(train):,} training and {len(test):,} test images")

# %%
pixels, classes = data.raw("train")
fig, axes = plt.subplots(3, 10, figsize=(9, 3.1))
for column, name in enumerate(data.classes):
    for row, i in enumerate(np.flatnonzero(classes == column)[:3]):
        axes[row, column].imshow(pixels[i].transpose(1, 2, 0))  # channels last, for matplotlib
        axes[row, column].axis("off")
    axes[0, column].set_title(name, fontsize=9)
fig.tight_layout()
plt.show()

# %% [markdown]
# Images are stored as (channels, height, width): first all red values, then green, then blue.
#
# ## Two networks
#
# The first flattens the image into 3,072 numbers and forgets which were neighbours. The second slides small
# filters over it: the same few weights look at every place, so what it learns in one corner holds in all.

# %%
np.random.seed(0)
dense = Sequential(Flatten(), Linear(3 * 32 * 32, 128), ReLU(), Linear(128, 10))
cnn = Sequential(
    Conv2d(3, 16, 5, stride=2, padding=2),  # 16 x 16 x 16
    BatchNorm2d(16),
    ReLU(),
    Conv2d(16, 32, 3, padding=1),
    BatchNorm2d(32),
    ReLU(),
    MaxPool2d(2),  # 32 x 8 x 8
    Conv2d(32, 64, 3, padding=1),
    BatchNorm2d(64),
    ReLU(),
    MaxPool2d(2),  # 64 x 4 x 4
    Flatten(),
    Linear(64 * 4 * 4, 10),
)
for name, model in (("dense", dense), ("cnn", cnn)):
    print(f"{name:6}{sum(p.size for p in model.parameters()):>9,} parameters")

# %%
EPOCHS = 4


def predict(model):
    """Scores for all test images, (n, 10)."""
    model.eval()  # batch norm now uses what it saw in training
    with no_grad():
        return np.concatenate([model(x).data for x, _ in DataLoader(test, 250)])


def fit(model, lr=0.005):
    optimizer, loss_fn = Adam(model.parameters(), lr=lr), CrossEntropyLoss()
    schedule = CosineSchedule(lr, lr / 50, EPOCHS)
    curve = []
    for epoch in range(EPOCHS):
        model.train()
        optimizer.lr = schedule.get_lr(epoch)
        with precise_timer() as timer:
            for x, target in DataLoader(train, 64, shuffle=True, seed=epoch):
                optimizer.zero_grad()
                loss_fn(model(x), target).backward()
                optimizer.step()
        curve.append(float((predict(model).argmax(axis=1) == test.labels).mean()))
        print(f"  epoch {epoch + 1}: {curve[-1]:6.1%} of the test images, {timer.elapsed:.1f} s")
    return curve


print("dense")
dense_curve = fit(dense, lr=0.001)
print("cnn")
cnn_curve = fit(cnn)

# %%
fig, ax = plt.subplots(figsize=(5.5, 2.8))
epochs = range(1, EPOCHS + 1)
ax.plot(epochs, dense_curve, marker="o", label="dense")
ax.plot(epochs, cnn_curve, marker="o", label="cnn")
ax.axhline(0.1, color="grey", linestyle=":", label="guessing")
ax.set(xlabel="epoch", ylabel="test accuracy", ylim=(0, 1))
ax.set_xticks(epochs)
ax.legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# The dense network has ten times the weights and loses: when this page was written, by 59 points on
# `TinyShapes`, where a figure can be anywhere, and by 10 on 5,000 images of CIFAR-10, where most things sit
# in the middle. It has to learn every figure anew at every place. It lacks an *assumption* that is true of
# images.
#
# ## The test of that claim
#
# If place is what the dense network stumbles over, then moving an image should upset it more. Shift all
# test images by a few pixels, and count how many answers change.

# %%
shifts = range(7)
same = {"dense": [], "cnn": []}
with no_grad():
    images = Tensor(test.__getbatch__(np.arange(300))[0])
    for name, model in (("dense", dense), ("cnn", cnn)):
        answers = model(images).data.argmax(axis=1)
        for shift in shifts:
            moved = Tensor(np.roll(images.data, shift, axis=3))
            same[name].append((model(moved).data.argmax(axis=1) == answers).mean())

fig, ax = plt.subplots(figsize=(5.5, 2.6))
for name, share in same.items():
    ax.plot(shifts, share, marker="o", label=name)
ax.set(xlabel="pixels to the right", ylabel="same answer", ylim=(0, 1.03))
ax.legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## What did it learn?
#
# The first layer's weights are 16 pictures of 5 x 5 pixels, and after so few minutes of life they look like
# noise. What they answer to an image (below them) does not: one finds the figure, one its outline, one
# the ground. Nobody told them to.

# %%
filters = cnn.layers[0].weight.data
low, high = filters.min(axis=(1, 2, 3), keepdims=True), filters.max(axis=(1, 2, 3), keepdims=True)
filters = (filters - low) / (high - low)
with no_grad():
    answers = cnn.layers[2](cnn.layers[1](cnn.layers[0](images[:1]))).data[0]

fig, axes = plt.subplots(2, 9, figsize=(9, 2.3))
for column in range(8):
    axes[0, column].imshow(filters[column].transpose(1, 2, 0))
    axes[1, column].imshow(answers[column], cmap="magma")
axes[1, 8].imshow(data.raw("test")[0][0].transpose(1, 2, 0))
axes[1, 8].set_title("the image", fontsize=8)
for ax in axes.flat:
    ax.axis("off")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## What does it confuse?

# %%
guesses = predict(cnn).argmax(axis=1)
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (test.labels, guesses), 1)

fig, ax = plt.subplots(figsize=(4.6, 4))
ax.imshow(confusion, cmap="Blues")
ax.set_xticks(range(10), data.classes, rotation=60, fontsize=8)
ax.set_yticks(range(10), data.classes, fontsize=8)
ax.set(xlabel="said", ylabel="is")
for i, j in zip(*np.nonzero(confusion), strict=True):
    colour = "white" if confusion[i, j] > confusion.max() / 2 else "black"
    ax.text(j, i, confusion[i, j], ha="center", va="center", fontsize=7, color=colour)
fig.tight_layout()
plt.show()

# %% [markdown]
# ## One that comes trained
#
# The package has a network of eight convolutions in INT8, less than 300 kilobytes, which was trained on all of
# CIFAR-10 ([how](https://github.com/OWNER/tinytorch/blob/main/docs/cifar10.md)). These are real photographs that
# it has never seen.

# %%
from tinytorch.datasets import CIFAR10Sample
from tinytorch.models import load_model
from tinytorch.models.shipped import shipped

sample = CIFAR10Sample()
photographs, truth = sample.raw("test")
path = shipped("swiftcnn-int8")
swift = load_model(path).network
inputs = Tensor(photographs / np.float32(255))
swift(inputs)  # the first call makes the plan
with precise_timer() as timer:
    said = swift(inputs).data.argmax(axis=1)
print(
    f"{path.stat().st_size / 1000:.0f} KB; {(said == truth).sum()} of {len(truth)} right, "
    f"{1e6 * timer.elapsed / len(truth):.0f} microseconds each"
)

wrong = np.flatnonzero(said != truth)
shown = np.concatenate([wrong[:10], np.flatnonzero(said == truth)[::9][:20]])
fig, axes = plt.subplots(3, 10, figsize=(10, 4))
for ax in axes.flat:
    ax.axis("off")
for ax, i in zip(axes.flat, shown, strict=False):
    ax.imshow(photographs[i].transpose(1, 2, 0))
    ax.set_title(sample.classes[said[i]], fontsize=8, color="red" if i in wrong else "black")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Exercises
#
# **03.1** `output_side(side, kernel, stride, padding)`: how many pixels wide is the result of a convolution?


# %% tags=["exercise"]
def output_side(side, kernel, stride, padding):
    # your code
    ...


check("03.1", output_side)

# %% [markdown]
# **03.2** `receptive_field(layers)`: a list of (kernel, stride) from the input on; how many input pixels, along
# one side, can reach one output? `[]` is one pixel. What is it for `cnn` above?


# %% tags=["exercise"]
def receptive_field(layers):
    # your code
    ...


check("03.2", receptive_field)

# %% [markdown]
# **03.3** `most_confused(confusion)`: the pair (true class, said class) of the most frequent *mistake*. Leave the
# given array as it is.


# %% tags=["exercise"]
def most_confused(confusion):
    # your code
    ...


check("03.3", most_confused)
