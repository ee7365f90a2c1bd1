"""Checks of notebooks/00_quickstart."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.activations import Softmax
from ..core.layers import Linear
from ..core.optimizers import SGD
from ..core.tensor import Tensor
from ._verdict import call, require, require_close


def _softmax(answer: Any) -> str:
    rng = np.random.default_rng(1)
    ordinary = rng.normal(size=(5, 7)).astype(np.float32)
    for name, scores in (
        ("ordinary scores", ordinary),
        ("one row, one column", np.array([[3.0]], np.float32)),
        ("scores around 1000", 1000 + 10 * ordinary),
        ("scores around -1000", -1000 + 10 * ordinary),
    ):
        with np.errstate(all="ignore"):
            got = call(answer, scores.copy())
        require_close(got, Softmax()(Tensor(scores)).data, name)
    return "equal to the engine's softmax, also where exp would overflow"


def _parameters(answer: Any) -> str:
    layers = (Linear(784, 128), Linear(128, 64), Linear(64, 10))
    expected = sum(p.size for layer in layers for p in layer.parameters())
    require(answer != expected - 202, "you counted the weights; each output also has a bias")
    require(answer == expected, "each Linear(n, m) has n m weights and m biases")
    return f"{expected:,} parameters"


def _momentum(answer: Any) -> str:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(4, 3)).astype(np.float32)
    theirs = Tensor(weights, requires_grad=True)
    optimizer = SGD([theirs], lr=0.05, momentum=0.8)
    velocity = np.zeros_like(weights)
    for step in range(4):
        gradient = rng.normal(size=weights.shape).astype(np.float32)
        theirs.grad = gradient
        optimizer.step()
        weights, velocity = call(answer, weights, gradient, velocity, 0.05, 0.8)
        require_close(weights, theirs.data, f"weights after step {step + 1}")
    return "four steps equal to those of tinytorch.SGD"


CHECKS = {"00.1": _softmax, "00.2": _parameters, "00.3": _momentum}
