"""Linear, Dropout and the containers (contract 5)."""

import numpy as np
import pytest

from tinytorch import Dropout, Linear, ReLU, Tensor
from tinytorch.core.layers import Dense, Flatten, Layer, Module, Sequential


def test_linear_attributes():
    layer = Linear(3, 2)
    assert (layer.in_features, layer.out_features) == (3, 2)
    assert layer.weight.shape == (3, 2)
    assert layer.bias.shape == (2,)
    assert layer.weight.requires_grad
    assert layer.bias.requires_grad
    np.testing.assert_array_equal(layer.bias.data, [0, 0])
    assert repr(layer) == "Linear(in_features=3, out_features=2, bias=True)"
    assert repr(Linear(3, 2, bias=False)) == "Linear(in_features=3, out_features=2, bias=False)"
    assert isinstance(layer, Layer)
    assert layer.parameters()[0] is layer.weight
    assert layer.parameters() is not layer.parameters()
    assert Linear(3, 2, bias=False).bias is None
    assert len(Linear(3, 2, bias=False).parameters()) == 1


def test_older_keywords_and_names():
    layer = Linear(input_size=3, output_size=2)
    assert layer.weight.shape == (3, 2)
    assert layer.weights is layer.weight
    new = Tensor(np.ones((3, 2)), requires_grad=True)
    layer.weights = new
    assert layer.weight is new
    assert Dense is Linear
    assert Module is Layer
    with pytest.raises(TypeError, match="in_features"):
        Linear(3)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_a_product_and_a_sum(shape, bias):
    layer = Linear(3, 2, bias=bias)
    if bias:
        layer.bias.data = np.array([1.0, -1.0])
    x = Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
    expected = x.data @ layer.weight.data + (layer.bias.data if bias else 0)
    y = layer(x)
    assert y.shape == (*shape[:-1], 2)
    np.testing.assert_allclose(y.data, expected, rtol=1e-5, atol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(
        x.grad, np.broadcast_to(layer.weight.data.sum(axis=1), shape), rtol=1e-5
    )
    rows = x.data.reshape(-1, 3)
    np.testing.assert_allclose(
        layer.weight.grad, np.repeat(rows.sum(axis=0)[:, None], 2, axis=1), rtol=1e-4, atol=1e-5
    )
    if bias:
        np.testing.assert_allclose(layer.bias.grad, [len(rows)] * 2)


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4)])
def test_a_wrong_width_is_a_value_error(shape):
    with pytest.raises(ValueError, match=r"shape|size|dimension|broadcast|empty"):
        Linear(3, 2)(Tensor(np.ones(shape)))
    with pytest.raises(ValueError, match="Inner dimensions must match: 4 ≠ 3"):
        Linear(3, 2)(Tensor(np.ones((2, 4))))


def test_parts_may_be_replaced():
    layer = Linear(2, 2)
    layer.weight = Tensor(np.eye(2), requires_grad=True)
    layer.bias = None
    np.testing.assert_array_equal(layer(Tensor([[3.0, 4.0]])).data, [[3, 4]])
    assert layer.parameters() == [layer.weight]
    layer.forward = lambda x: "replaced"
    assert layer(Tensor([[1.0, 2.0]])) == "replaced"


def test_dropout_edges():
    x = Tensor(np.ones((4, 4)), requires_grad=True)
    assert Dropout(0.5)(x, training=False) is x
    assert Dropout(0.5).forward(x, False) is x
    assert Dropout(0.0)(x) is x
    zeros = Dropout(1.0)(x)
    np.testing.assert_array_equal(zeros.data, np.zeros((4, 4)))
    assert zeros.requires_grad
    assert Dropout(0.3).parameters() == []
    assert repr(Dropout(0.5)) == "Dropout(p=0.5)"
    assert Dropout().p == 0.5
    for p in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="Dropout probability"):
            Dropout(p)


def test_dropout_draws_and_scales():
    x = Tensor(np.full((50, 50), 3.0), requires_grad=True)
    np.random.seed(7)
    y = Dropout(0.25)(x)
    np.random.seed(7)
    mask = np.random.random((50, 50)) < 0.75
    np.testing.assert_allclose(y.data, np.where(mask, 4.0, 0.0), rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, mask / 0.75, rtol=1e-6)


def test_dropout_rests_after_eval():
    layer = Dropout(0.5)
    x = Tensor(np.ones(8))
    layer.eval()
    assert layer(x) is x
    layer.train()
    assert layer(x) is not x


def test_sequential():
    first, second = Linear(4, 3), Linear(3, 2)
    for model in (Sequential(first, ReLU(), second), Sequential([first, ReLU(), second])):
        assert model.layers[0] is first
        assert [id(p) for p in model.parameters()] == [
            id(p) for p in (*first.parameters(), *second.parameters())
        ]
        x = Tensor(np.ones((2, 4)))
        expected = second(ReLU()(first(x)))
        np.testing.assert_array_equal(model(x).data, expected.data)
    empty = Sequential()
    assert empty.layers == []
    x = Tensor([1.0])
    assert empty(x) is x
    empty.add(ReLU())
    empty.layers.append(ReLU())
    assert len(empty.layers) == 2


def test_sequential_calls_the_public_forward_of_its_layers():
    layer = Linear(2, 2)
    layer.forward = lambda x: "replaced"
    assert Sequential(layer)(Tensor([[1.0, 2.0]])) == "replaced"


def test_flatten():
    x = Tensor(np.ones((2, 3, 4)), requires_grad=True)
    assert Flatten()(x).shape == (2, 12)
    assert Flatten(0)(x).shape == (24,)
    assert Flatten(start_dim=-2)(x).shape == (2, 12)
    assert Flatten()(Tensor(np.ones((0, 3, 2)))).shape == (0, 6)
    Flatten()(x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="out of range"):
        Flatten(3)(x)
