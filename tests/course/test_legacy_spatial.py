"""Conv2D, MaxPool2D, AvgPool2D: both layouts (contract 26.4)."""

import numpy as np
import pytest

from tinytorch import AvgPool2d, Conv2d, MaxPool2d, Tensor
from tinytorch.core import layers, spatial
from tinytorch.core.layers import Layer
from tinytorch.core.spatial import AvgPool2D, Conv2D, MaxPool2D

RNG = np.random.default_rng(9)


def to_last(a):
    return a.transpose(0, 2, 3, 1)


def test_surface():
    conv = Conv2D(3, 4, 3)
    assert isinstance(conv, Layer)
    assert conv.kernel_size == 3
    assert Conv2D(3, 4, (3, 3)).kernel_size == (3, 3)
    assert conv.weights is conv.weight
    assert conv.weight.shape == (4, 3, 3, 3)
    assert len(conv.parameters()) == 2
    assert len(Conv2D(3, 4, 3, bias=False).parameters()) == 1
    pool = MaxPool2D(pool_size=(2, 2))
    assert isinstance(pool, Layer)
    assert pool.kernel_size == pool.pool_size == (2, 2)
    assert AvgPool2D(3).pool_size == 3
    assert MaxPool2D().kernel_size == 2
    assert layers.Conv2D is spatial.Conv2D


def test_convolution_in_both_layouts():
    old, new = Conv2D(3, 4, 3, stride=2, padding=1), Conv2d(3, 4, 3, stride=2, padding=1)
    new.weight, new.bias = old.weight, old.bias
    x = RNG.standard_normal((2, 3, 7, 8))
    expected = new(Tensor(x)).data
    np.testing.assert_allclose(old(Tensor(x)).data, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        old(Tensor(to_last(x))).data, to_last(expected), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match="channels"):
        old(Tensor(np.ones((1, 5, 6, 7))))
    with pytest.raises(ValueError, match="4D"):
        old(Tensor(np.ones((3, 6, 7))))


@pytest.mark.parametrize("kernel", [1, 2, 3, (2, 5)])
def test_same_padding_keeps_the_size(kernel):
    conv = Conv2D(2, 3, kernel, padding="same")
    assert conv(Tensor(np.ones((1, 2, 6, 7)))).shape == (1, 3, 6, 7)
    assert conv(Tensor(np.ones((1, 6, 7, 2)))).shape == (1, 6, 7, 3)
    assert Conv2D(2, 3, 3, padding="valid")(Tensor(np.ones((1, 2, 6, 7)))).shape == (1, 3, 4, 5)
    with pytest.raises(ValueError, match="padding"):
        Conv2D(2, 3, 3, padding="full")


@pytest.mark.parametrize(("old", "new"), [(MaxPool2D, MaxPool2d), (AvgPool2D, AvgPool2d)])
def test_pooling_in_both_layouts(old, new):
    x = RNG.standard_normal((2, 3, 6, 6))
    expected = new(2)(Tensor(x)).data
    np.testing.assert_array_equal(old(2)(Tensor(x)).data, expected)
    np.testing.assert_array_equal(old(2)(Tensor(to_last(x))).data, to_last(expected))
    square = RNG.standard_normal((1, 4, 4, 4))  # ambiguous: channels first
    np.testing.assert_array_equal(old(2)(Tensor(square)).data, new(2)(Tensor(square)).data)


def test_gradients_in_both_layouts():
    conv, pool = Conv2D(3, 5, 3), MaxPool2D(2)
    x = RNG.standard_normal((2, 3, 6, 6))
    results = []
    for values in (x, to_last(x)):
        conv.zero_grad()
        t = Tensor(values, requires_grad=True)
        y = pool(conv(t))
        assert y.requires_grad
        y.sum().backward()
        grad = np.array(t.grad)
        results.append(
            (conv.weight.grad.copy(), grad if values is x else grad.transpose(0, 3, 1, 2))
        )
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-5)
