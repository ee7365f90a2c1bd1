"""Attention and masks (contract 14, 26.1)."""

import numpy as np
import pytest
from gradient_check import check_gradients

from tinytorch import Linear, MultiHeadAttention, Tensor, scaled_dot_product_attention
from tinytorch.core import attention

RNG = np.random.default_rng(10)


def softmax(a):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def formula(q, k, v, bias=0.0):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias) @ v


SHAPES = [
    ((3, 4), (3, 4), (3, 4)),
    ((2, 3, 4), (2, 5, 4), (2, 5, 6)),
    ((2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4)),
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_values_and_gradients(shapes):
    arrays = [RNG.standard_normal(s) for s in shapes]
    check_gradients(
        lambda q, k, v: scaled_dot_product_attention(q, k, v)[0], formula, *arrays, tolerance=1e-3
    )
    output, weights = scaled_dot_product_attention(*[Tensor(a) for a in arrays])
    assert isinstance(weights, Tensor)
    assert weights.shape == (*shapes[0][:-1], shapes[1][-2])
    np.testing.assert_allclose(weights.data.sum(-1), np.ones(shapes[0][:-1]), atol=1e-5)
    assert output.shape == (*shapes[0][:-1], shapes[2][-1])


@pytest.mark.parametrize("shape", [(3, 3), (1, 3, 3), (2, 3, 3), (2, 2, 3, 3)])
def test_blocked_positions_get_no_weight(shape):
    q, k, v = (Tensor(RNG.standard_normal((2, 2, 3, 4)), requires_grad=True) for _ in range(3))
    mask = np.broadcast_to(np.tril(np.ones((3, 3))), shape)
    if len(shape) == 3:
        mask = mask[:, None]
    for given in (Tensor(mask), mask, mask.astype(bool)):
        output, weights = scaled_dot_product_attention(q, k, v, given)
        assert weights.data[..., np.triu_indices(3, 1)[0], np.triu_indices(3, 1)[1]].max() < 1e-6
        expected = formula(q.data, k.data, v.data, (1 - mask) * -1e9)
        np.testing.assert_allclose(output.data, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("low", [-1e9, -np.inf, -1e4])
def test_additive_masks_are_recognised(low):
    q, k, v = (Tensor(RNG.standard_normal((2, 3, 4)), requires_grad=True) for _ in range(3))
    additive = np.triu(np.full((3, 3), low), 1)
    additive[np.tril_indices(3)] = 0
    keeping = Tensor(np.tril(np.ones((3, 3))))
    output, weights = scaled_dot_product_attention(q, k, v, Tensor(additive))
    expected, _ = scaled_dot_product_attention(q, k, v, keeping)
    np.testing.assert_allclose(output.data, expected.data, rtol=1e-5, atol=1e-6)
    output.sum().backward()
    assert np.all(np.isfinite(weights.data))
    assert all(np.all(np.isfinite(t.grad)) for t in (q, k, v))


@pytest.mark.parametrize("mask", [np.zeros((3, 3)), np.full((3, 3), -np.inf)])
def test_a_row_without_any_position_is_no_nan(mask):
    q, k, v = (Tensor(RNG.standard_normal((3, 4)), requires_grad=True) for _ in range(3))
    output, weights = scaled_dot_product_attention(q, k, v, Tensor(mask))
    assert np.all(np.isfinite(output.data))
    np.testing.assert_allclose(weights.data.sum(-1), np.ones(3), atol=1e-5)


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (3, 5), (3, 4)),
        ((3, 4), (2, 4), (3, 4)),
        ((2, 3, 4), (3, 3, 4), (3, 3, 4)),
        ((4,), (3, 4), (3, 4)),
    ],
)
def test_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match=r"shape|width|length|axes|broadcast"):
        scaled_dot_product_attention(*[Tensor(np.ones(s)) for s in shapes])


def test_plain_arrays():
    q, k, v = (RNG.standard_normal((2, 3, 4)) for _ in range(3))
    output, weights = scaled_dot_product_attention(q, k, v, np.tril(np.ones((3, 3))))
    assert type(output) is np.ndarray
    assert type(weights) is np.ndarray
    np.testing.assert_allclose(
        output, formula(q, k, v, (1 - np.tril(np.ones((3, 3)))) * -1e9), atol=1e-5
    )


def test_heads_attributes():
    layer = MultiHeadAttention(8, 2)
    assert (layer.embed_dim, layer.num_heads, layer.head_dim) == (8, 2, 4)
    parts = (layer.q_proj, layer.k_proj, layer.v_proj, layer.out_proj)
    assert all(isinstance(part, Linear) for part in parts)
    wanted = [p for part in parts for p in (part.weight, part.bias)]
    assert [id(p) for p in layer.parameters()] == [id(p) for p in wanted]
    assert layer.query_proj is layer.q_proj
    assert layer.key_proj is layer.k_proj
    assert layer.value_proj is layer.v_proj
    with pytest.raises(ValueError, match="must be divisible by num_heads"):
        MultiHeadAttention(8, 3)
    for shape in [(1, 3, 9), (3, 8)]:
        with pytest.raises(ValueError, match="Input dimension mismatch"):
            layer(Tensor(np.ones(shape)))


def by_hand(layer, x, mask):
    batch, length, width = x.shape
    heads = []
    for part in (layer.q_proj, layer.k_proj, layer.v_proj):
        y = x @ part.weight.data + part.bias.data
        heads.append(y.reshape(batch, length, layer.num_heads, -1).transpose(0, 2, 1, 3))
    bias = 0.0 if mask is None else (1 - mask) * -1e9
    y = formula(*heads, bias).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return y @ layer.out_proj.weight.data + layer.out_proj.bias.data


@pytest.mark.parametrize("shape", [None, (3, 3), (1, 3, 3), (2, 3, 3), (2, 2, 3, 3)])
def test_heads(shape):
    layer = MultiHeadAttention(8, 2)
    x = RNG.standard_normal((2, 3, 8)).astype(np.float32)
    mask = None if shape is None else np.broadcast_to(np.tril(np.ones((3, 3))), shape)
    wide = mask[:, None] if mask is not None and mask.ndim == 3 else mask
    expected = by_hand(layer, x, wide)
    given = None if mask is None else Tensor(mask)
    np.testing.assert_allclose(layer(Tensor(x), given).data, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(layer(Tensor(x), mask=given).data, expected, rtol=1e-3, atol=1e-5)


def test_every_parameter_gets_a_gradient_even_the_key_bias():
    np.random.seed(0)
    layer = MultiHeadAttention(16, 4)
    x = Tensor(np.random.randn(2, 6, 16), requires_grad=True)
    (layer(x) * Tensor(np.random.randn(2, 6, 16))).sum().backward()
    for parameter in (*layer.parameters(), x):
        assert np.abs(parameter.grad).max() > 1e-10


def test_heads_call_their_parts():
    layer = MultiHeadAttention(4, 2)
    layer.out_proj.forward = lambda x: "replaced"
    assert layer(Tensor(np.ones((1, 2, 4)))) == "replaced"


def test_self_attention():
    x = RNG.standard_normal((2, 3, 4))
    for layer in (attention.SelfAttention(4), attention.SelfAttention(embed_dim=4)):
        assert layer.parameters() == []
        output, weights = layer(Tensor(x))
        np.testing.assert_allclose(output.data, formula(x, x, x), rtol=1e-4, atol=1e-5)
        assert weights.shape == (2, 3, 3)
    output, weights = layer(x)
    assert type(output) is np.ndarray
    with pytest.raises(ValueError, match="dimension mismatch"):
        layer(np.ones((2, 3, 5)))


def test_masks_of_older_code_are_arrays():
    causal = attention.create_causal_mask(3)
    assert type(causal) is np.ndarray
    np.testing.assert_array_equal(causal, np.tril(np.ones((3, 3))))
    np.testing.assert_array_equal(attention.create_bidirectional_mask(2), np.ones((2, 2)))
    padding = attention.create_padding_mask([1, 3], 3)
    assert padding.shape == (2, 3, 3)
    np.testing.assert_array_equal(padding[0], np.diag([1, 0, 0]))
    np.testing.assert_array_equal(padding[1], np.ones((3, 3)))
