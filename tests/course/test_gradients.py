"""Every tracked operation against differences in float64 (contract 7.2, 28)."""

import numpy as np
import pytest
from gradient_check import check_gradients

from tinytorch import GELU, ReLU, Sigmoid, Softmax, Tanh, Tensor
from tinytorch.core.losses import log_softmax

RNG = np.random.default_rng(2)


def draw(*shape, low=0.3, high=2.0):
    """Values of either sign, away from the kinks at 0."""
    return RNG.uniform(low, high, shape) * RNG.choice([-1.0, 1.0], shape)


SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 3, 4, 2), (4, 1)),
    ((), (3,)),
    ((), ()),
    ((1, 1), (2, 3)),
    ((0, 3), (3,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize("name", ["__add__", "__sub__", "__mul__", "__truediv__"])
def test_arithmetic_with_broadcasting(name, a, b):
    check_gradients(
        lambda x, y: getattr(x, name)(y),
        lambda x, y: getattr(np.asarray(x), name)(np.asarray(y)),
        draw(*a),
        draw(*b),
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((3,), (3,)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), (2, 3, 2)),
        ((2, 1, 2, 3), (2, 3, 2)),
        ((0, 3), (3, 2)),
    ],
)
def test_matmul(a, b):
    check_gradients(lambda x, y: x @ y, np.matmul, draw(*a), draw(*b))


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions(name, axis, keepdims):
    check_gradients(
        lambda x: getattr(x, name)(axis=axis, keepdims=keepdims),
        lambda x: getattr(x, name)(axis=axis, keepdims=keepdims),
        draw(2, 3, 4),
    )


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        slice(1, 3),
        (slice(None), slice(None, None, -2)),
        (..., 1),
        (0, 1),
        None,
        [0, 0, 2],
        (np.array([0, 0, 1]), np.array([1, 1, 2])),
        np.array([True, False, True]),
    ],
    ids=repr,
)
def test_indexing_repeated_indices_accumulate(key):
    check_gradients(lambda x: x[key], lambda x: x[key], draw(3, 4))


def test_shape_operations():
    x = draw(2, 3, 4)
    check_gradients(lambda t: t.reshape(4, -1), lambda a: a.reshape(4, -1), x)
    check_gradients(lambda t: t.transpose(0, 2), lambda a: a.swapaxes(0, 2), x)
    check_gradients(lambda t: t.transpose(), lambda a: a.swapaxes(-1, -2), x)
    check_gradients(lambda t: t.flatten(), lambda a: a.reshape(-1), x)


def softmax(a, axis=-1):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize("shape", [(3, 4), (), (0,), (2, 2, 2, 2)])
@pytest.mark.parametrize(
    ("operation", "formula"),
    [
        (Sigmoid(), sigmoid),
        (ReLU(), lambda a: np.maximum(a, 0)),
        (Tanh(), np.tanh),
        (GELU(), lambda a: a * sigmoid(1.702 * a)),
        (lambda t: -t, lambda a: -a),
        (lambda t: t**2, lambda a: a**2),
        (lambda t: 2 - t, lambda a: 2 - a),
        (lambda t: 2 / t, lambda a: 2 / a),
        (lambda t: (t * t).sqrt(), np.abs),
    ],
)
def test_elementwise(operation, formula, shape):
    check_gradients(operation, formula, draw(*shape))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_and_log_softmax(dim):
    x = draw(2, 3, 4)
    check_gradients(lambda t: Softmax()(t, dim=dim), lambda a: softmax(a, dim), x)
    check_gradients(lambda t: log_softmax(t, dim), lambda a: np.log(softmax(a, dim)), x)


def test_relu_gradient_at_zero_is_zero():
    x = Tensor([0.0, -1.0, 1.0], requires_grad=True)
    ReLU()(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 1])


def test_a_tensor_used_several_times():
    check_gradients(lambda x: x * x + x, lambda a: a * a + a, draw(3))
    check_gradients(lambda x: (x @ x) * x, lambda a: (a @ a) * a, draw(3, 3))
    check_gradients(lambda x: x[0] * x[1] + x.sum(), lambda a: a[0] * a[1] + a.sum(), draw(2, 3))
