"""The gradient of the loss's sum instead of its mean."""

import numpy as np


def linear(x, w, b):
    return x @ w + b


def linear_backward(grad, x, w):
    return grad @ w.T, x.T @ grad, grad.sum(axis=0)


def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(scores, labels):
    p = softmax(scores)
    rows = np.arange(len(labels))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    return loss, p


def conv2d(x, w, b):
    n, _, height, width = x.shape
    filters, _, kernel, _ = w.shape
    out = np.zeros((n, filters, height - kernel + 1, width - kernel + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i : i + kernel, j : j + kernel]
            out[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out
