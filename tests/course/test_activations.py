"""Activations as objects (contract 4)."""

import numpy as np
import pytest

from tinytorch import GELU, ReLU, Sigmoid, Softmax, Tanh, Tensor
from tinytorch.core.layers import Layer

ALL = [Sigmoid, ReLU, Tanh, GELU, Softmax]


@pytest.mark.parametrize("cls", ALL)
def test_common_surface(cls):
    activation = cls()
    assert not isinstance(activation, Layer)
    assert activation.parameters() == []
    assert activation.backward(np.ones(2)) is None
    for shape in [(), (0,), (3,), (2, 3, 4)]:
        x = Tensor(np.ones(shape), requires_grad=True)
        y = activation(x)
        assert y is not x
        assert y.shape == shape
        assert y.dtype == np.float32
        assert y.requires_grad
        assert not activation.forward(Tensor(np.ones(shape))).requires_grad


@pytest.mark.parametrize("cls", ALL)
def test_plain_arrays_give_plain_arrays(cls):
    y = cls()(np.array([0.5, -0.5]))
    assert type(y) is np.ndarray
    np.testing.assert_allclose(y, cls()(Tensor([0.5, -0.5])).data)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (Sigmoid, "SigmoidBackward"),
        (ReLU, "ReLUBackward"),
        (GELU, "GELUBackward"),
        (Softmax, "SoftmaxBackward"),
    ],
)
def test_names_of_nodes(cls, name):
    assert type(cls()(Tensor([1.0], requires_grad=True))._grad_fn).__name__ == name


def test_forward_on_the_class_is_assignable():
    original = ReLU.forward
    ReLU.forward = lambda self, x: "replaced"
    try:
        assert ReLU()(Tensor([1.0])) == "replaced"
    finally:
        ReLU.forward = original
    activation = ReLU()
    activation.forward = lambda x: "instance"
    assert activation(Tensor([1.0])) == "instance"


def test_sigmoid():
    y = Sigmoid()(Tensor([-1000.0, 0.0, 1000.0])).data
    np.testing.assert_array_equal(y, [0, 0.5, 1])
    x = np.linspace(-10, 10, 101)
    y = Sigmoid()(Tensor(x)).data
    assert np.all((y > 0) & (y < 1))
    np.testing.assert_allclose(Sigmoid()(Tensor(-x)).data, 1 - y, atol=1e-6)


def test_relu_is_exact_and_passes_nan():
    y = ReLU()(Tensor([-1.5, 0.0, 1e-30, 2.5, np.nan])).data
    np.testing.assert_array_equal(y, np.array([0, 0, 1e-30, 2.5, np.nan], dtype=np.float32))


def test_gelu():
    y = GELU()(Tensor([1.0, -1.0, 0.0])).data
    assert y[0] > 0.8
    assert -0.2 < y[1] < 0
    assert abs(y[2]) < 1e-10
    x = np.linspace(-6, 6, 50)
    np.testing.assert_allclose(GELU()(Tensor(x)).data, x / (1 + np.exp(-1.702 * x)), atol=1e-6)


def test_softmax():
    for values in ([1000.0, 1001.0, 1002.0], [-1e9, 0.0, 1.0]):
        y = Softmax()(Tensor(values)).data
        assert abs(y.sum() - 1) < 1e-6
        assert np.all(np.isfinite(y))
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(
        Softmax()(Tensor(x)).data, Softmax()(Tensor(x + 100)).data, atol=1e-6
    )
    np.testing.assert_allclose(Softmax()(Tensor(x), 0).data.sum(axis=0), np.ones(4), atol=1e-6)
    np.testing.assert_allclose(Softmax()(Tensor(x), dim=0).data.sum(axis=0), np.ones(4), atol=1e-6)
    with pytest.raises((ValueError, IndexError)):
        Softmax()(Tensor(x), dim=2)
