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
# # Layers in NumPy
#
# **At the end you will have** written the parts of a small network and seen each of them agree with an
# engine that was written by others. Replace what stands in each function; the cell below it tries your answer on
# a few inputs. More inputs are tried when the assignment is graded.

# %%
import numpy as np

from tinytorch import Conv2d, CrossEntropyLoss, Softmax, Tensor

rng = np.random.default_rng(0)


def draw(*shape):
    return rng.normal(size=shape).astype(np.float32)


def assert_close(got, expected, what):
    got = np.asarray(got)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    error = np.abs(got - expected).max()
    assert error <= 1e-4 * max(1, np.abs(expected).max()), f"{what}: off by {error:.3g}"


# %% [markdown]
# ## A linear layer
#
# `x` is (rows, inputs), `w` (inputs, outputs), `b` (outputs,).


# %% nbgrader={"grade": false, "grade_id": "linear", "locked": false, "schema_version": 3, "solution": true, "task": false}
def linear(x, w, b):
    ### BEGIN SOLUTION
    return x @ w + b
    ### END SOLUTION


def linear_backward(grad, x, w):
    """The gradients of x, w and b, where `grad` is that of the result."""
    ### BEGIN SOLUTION
    return grad @ w.T, x.T @ grad, grad.sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-linear", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
def check_linear(rows, inputs, outputs):
    x, w, b, grad = draw(rows, inputs), draw(inputs, outputs), draw(outputs), draw(rows, outputs)
    ours = [Tensor(array, requires_grad=True) for array in (x, w, b)]
    y = ours[0].matmul(ours[1]) + ours[2]
    y.backward(grad)
    assert_close(linear(x, w, b), y.data, "linear")
    for name, got, tensor in zip("xwb", linear_backward(grad, x, w), ours, strict=True):
        assert_close(got, np.asarray(tensor.grad), f"gradient of {name}")


check_linear(4, 3, 3)
### BEGIN HIDDEN TESTS
for sizes in ((1, 1, 1), (6, 3, 4), (2, 9, 5)):
    check_linear(*sizes)
### END HIDDEN TESTS

# %% [markdown]
# ## Softmax, row by row
#
# Scores can be in the hundreds.


# %% nbgrader={"grade": false, "grade_id": "softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax(scores):
    ### BEGIN SOLUTION
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-softmax", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
scores = draw(5, 7)
assert_close(softmax(scores), Softmax()(Tensor(scores)).data, "softmax")
### BEGIN HIDDEN TESTS
for scores in (500 * draw(3, 4), draw(1, 1), draw(2, 30) - 1000):
    assert_close(softmax(scores.copy()), Softmax()(Tensor(scores)).data, "softmax")
### END HIDDEN TESTS

# %% [markdown]
# ## Cross-entropy
#
# The mean of -ln p(label), and its gradient in the scores.


# %% nbgrader={"grade": false, "grade_id": "cross-entropy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cross_entropy(scores, labels):
    ### BEGIN SOLUTION
    p = softmax(scores)
    rows = np.arange(len(labels))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    return loss, p / len(labels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-cross-entropy", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
def check_cross_entropy(rows, classes):
    scores, labels = draw(rows, classes), rng.integers(0, classes, rows)
    ours = Tensor(scores, requires_grad=True)
    expected = CrossEntropyLoss()(ours, Tensor(labels))
    expected.backward()
    loss, gradient = cross_entropy(scores.copy(), labels)
    assert_close(loss, np.asarray(expected.item()), "loss")
    assert_close(gradient, np.asarray(ours.grad), "gradient of the scores")


check_cross_entropy(1, 4)
### BEGIN HIDDEN TESTS
for sizes in ((8, 5), (3, 2), (40, 10)):
    check_cross_entropy(*sizes)
### END HIDDEN TESTS

# %% [markdown]
# ## A convolution
#
# `x` is (n, channels, height, width), `w` (filters, channels, k, k). No padding, stride 1. Loops are fine.


# %% nbgrader={"grade": false, "grade_id": "conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d(x, w, b):
    ### BEGIN SOLUTION
    kernel = w.shape[2]
    n, _, height, width = x.shape
    out = np.zeros((n, len(w), height - kernel + 1, width - kernel + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i : i + kernel, j : j + kernel]
            out[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-conv2d", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
def check_conv2d(channels, filters, kernel, side):
    layer = Conv2d(channels, filters, kernel)
    layer.bias.data = draw(filters)
    x = draw(2, channels, side, side)
    got = conv2d(x, layer.weight.data.copy(), layer.bias.data.copy())
    assert_close(got, layer(Tensor(x)).data, f"{kernel} x {kernel} convolution")


check_conv2d(1, 1, 3, 5)
### BEGIN HIDDEN TESTS
for sizes in ((1, 1, 1, 4), (2, 3, 3, 6), (3, 2, 2, 5)):
    check_conv2d(*sizes)
### END HIDDEN TESTS
