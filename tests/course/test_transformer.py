"""LayerNorm, MLP, TransformerBlock (contract 15)."""

import numpy as np
import pytest
from gradient_check import check_gradients

import tinytorch
from tinytorch import GELU, MLP, LayerNorm, Linear, MultiHeadAttention, Tensor, TransformerBlock
from tinytorch.core import attention, transformer

RNG = np.random.default_rng(11)


def test_causal_mask_is_a_tensor():
    mask = tinytorch.create_causal_mask(3)
    assert isinstance(mask, Tensor)
    assert mask.shape == (1, 3, 3)
    np.testing.assert_array_equal(mask.data[0], np.tril(np.ones((3, 3))))
    assert tinytorch.create_causal_mask is transformer.create_causal_mask
    assert transformer.create_causal_mask is not attention.create_causal_mask


def test_layer_norm():
    norm = LayerNorm(6)
    assert norm.normalized_shape == 6
    assert norm.eps == 1e-5
    assert [id(p) for p in norm.parameters()] == [id(norm.gamma), id(norm.beta)]
    np.testing.assert_array_equal(norm.gamma.data, np.ones(6))
    np.testing.assert_array_equal(norm.beta.data, np.zeros(6))
    y = norm(Tensor(RNG.standard_normal((2, 3, 6)) * 5 + 3)).data
    np.testing.assert_allclose(y.mean(-1), np.zeros((2, 3)), atol=1e-5)
    np.testing.assert_allclose(y.std(-1), np.ones((2, 3)), atol=1e-4)


def test_layer_norm_gradients():
    norm = LayerNorm(4)

    def run(x, gamma, beta):
        norm.gamma, norm.beta = gamma, beta
        return norm(x)

    def formula(x, gamma, beta):
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta

    arrays = RNG.standard_normal((2, 3, 4)), RNG.uniform(0.5, 1.5, 4), RNG.standard_normal(4)
    check_gradients(run, formula, *arrays, tolerance=2e-3)
    norm = LayerNorm((3, 4))
    arrays = RNG.standard_normal((2, 3, 4)), RNG.uniform(0.5, 1.5, (3, 4)), np.zeros((3, 4))
    check_gradients(run, formula, *arrays, tolerance=2e-3)


def test_mlp():
    mlp = MLP(4)
    assert (mlp.embed_dim, mlp.hidden_dim) == (4, 16)
    assert isinstance(mlp.linear1, Linear)
    assert isinstance(mlp.gelu, GELU)
    assert len(mlp.parameters()) == 4
    x = Tensor(RNG.standard_normal((2, 3, 4)))
    expected = mlp.linear2(mlp.gelu(mlp.linear1(x)))
    np.testing.assert_array_equal(mlp(x).data, expected.data)
    assert MLP(4, 10).linear1.out_features == 10


def test_block():
    block = TransformerBlock(8, 2, mlp_ratio=2)
    assert (block.embed_dim, block.num_heads, block.mlp.hidden_dim) == (8, 2, 16)
    assert isinstance(block.attention, MultiHeadAttention)
    assert TransformerBlock(8, 2).mlp.hidden_dim == 32
    assert TransformerBlock(8, 2, hidden_dim=12).mlp.hidden_dim == 12
    wanted = [
        p for part in (block.attention, block.ln1, block.ln2, block.mlp) for p in part.parameters()
    ]
    assert len(wanted) == 16
    assert [id(p) for p in block.parameters()] == [id(p) for p in wanted]
    x = Tensor(RNG.standard_normal((2, 3, 8)))
    mask = transformer.create_causal_mask(3)
    middle = x + block.attention(block.ln1(x), mask)
    expected = middle + block.mlp(block.ln2(middle))
    np.testing.assert_array_equal(block(x, mask).data, expected.data)
    np.testing.assert_array_equal(block.forward(x, mask=mask).data, expected.data)


@pytest.mark.parametrize("part", ["attention", "ln1", "ln2", "mlp"])
def test_block_calls_its_parts(part):
    block = TransformerBlock(4, 2)
    calls = []
    original = getattr(block, part).forward

    def replaced(*args):
        calls.append(part)
        return original(*args)

    getattr(block, part).forward = replaced
    block._original_attention_forward = original  # extra attributes are welcome
    block(Tensor(np.ones((1, 2, 4))))
    assert calls == [part]
