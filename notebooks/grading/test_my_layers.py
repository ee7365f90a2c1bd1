"""Grades a student's my_layers.py: every answer is compared with the engine's.

Each test has a time limit, so that an endless loop costs its own points and no others.
"""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch import Conv2d, CrossEntropyLoss, Softmax, Tensor

pytestmark = [
    pytest.mark.timeout(20),
    pytest.mark.filterwarnings("default"),  # a warning costs no points
]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def close(got: object, expected: np.ndarray, what: str) -> None:
    got = np.asarray(got)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    error = np.abs(got - expected).max(initial=0.0)
    assert error <= 1e-4 * max(1.0, np.abs(expected).max(initial=0.0)), (
        f"{what}: off by {error:.3g}"
    )


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.points(2)
def test_linear(student, rng):
    for rows, inputs, outputs in ((4, 3, 5), (1, 1, 1), (7, 10, 2)):
        x, w, b = draw(rng, rows, inputs), draw(rng, inputs, outputs), draw(rng, outputs)
        close(student.linear(x, w, b), (Tensor(x).matmul(Tensor(w)) + Tensor(b)).data, "x w + b")


@pytest.mark.points(4)
def test_linear_backward(student, rng):
    x, w, b = draw(rng, 6, 3), draw(rng, 3, 4), draw(rng, 4)
    given = draw(rng, 6, 4)
    ours = [Tensor(array, requires_grad=True) for array in (x, w, b)]
    (ours[0].matmul(ours[1]) + ours[2]).backward(given)
    got = student.linear_backward(given, x, w)
    assert len(got) == 3, "return the gradients of x, w and b"
    for name, gradient, tensor in zip("xwb", got, ours, strict=True):
        close(gradient, np.asarray(tensor.grad), f"gradient of {name}")


@pytest.mark.points(2)
def test_softmax(student, rng):
    for scores in (draw(rng, 5, 7), draw(rng, 1, 1), 500 * draw(rng, 3, 4)):
        with np.errstate(over="ignore", invalid="ignore"):
            close(student.softmax(scores.copy()), Softmax()(Tensor(scores)).data, "softmax")


@pytest.mark.points(4)
def test_cross_entropy(student, rng):
    scores, labels = draw(rng, 8, 5), rng.integers(0, 5, 8)
    ours = Tensor(scores, requires_grad=True)
    loss = CrossEntropyLoss()(ours, Tensor(labels))
    loss.backward()
    got_loss, got_gradient = student.cross_entropy(scores.copy(), labels)
    close(got_loss, np.asarray(loss.item()), "loss")
    close(got_gradient, np.asarray(ours.grad), "gradient of the scores")


@pytest.mark.points(4)
def test_conv2d(student, rng):
    for channels, filters, kernel, side in ((1, 1, 1, 4), (2, 3, 3, 6), (3, 2, 2, 5)):
        layer = Conv2d(channels, filters, kernel)
        layer.bias.data = draw(rng, filters)
        x = draw(rng, 2, channels, side, side)
        got = student.conv2d(x, layer.weight.data.copy(), layer.bias.data.copy())
        close(got, layer(Tensor(x)).data, f"{kernel} x {kernel} convolution")


@pytest.mark.points(2)
def test_inputs_stay_as_they_are(student, rng):
    x, w, b = draw(rng, 3, 4), draw(rng, 4, 4), draw(rng, 4)
    before = [array.copy() for array in (x, w, b)]
    student.linear(x, w, b)
    student.linear_backward(x, x, w)
    student.softmax(x)
    student.cross_entropy(x, np.zeros(3, int))
    for array, copy in zip((x, w, b), before, strict=True):
        assert np.array_equal(array, copy), "a function changed the array that it was given"


@pytest.mark.points(2)
def test_it_learns(student):
    """A network of these functions learns the digits about as well as the engine's."""
    from tinytorch.datasets import TinyDigits

    digits = TinyDigits()
    images, labels = digits.get_train_data()
    x, w, b = images.reshape(-1, 64), np.zeros((64, 10)), np.zeros(10)
    for _ in range(60):
        _, gradient = student.cross_entropy(student.linear(x, w, b), labels)
        _, for_w, for_b = student.linear_backward(gradient, x, w)
        w, b = w - 2.0 * for_w, b - 2.0 * for_b
    test_images, test_labels = digits.get_test_data()
    guess = student.softmax(student.linear(test_images.reshape(-1, 64), w, b)).argmax(axis=1)
    right = (guess == test_labels).mean()
    assert right > 0.85, f"{right:.0%} of the test digits after 60 steps; above 85 % is expected"
