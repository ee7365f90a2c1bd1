"""Embeddings and positions (contract 13)."""

import numpy as np
import pytest

from tinytorch import Embedding, EmbeddingLayer, PositionalEncoding, Tensor
from tinytorch.core.embeddings import create_sinusoidal_embeddings


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 0), (2, 1, 3)])
def test_lookup(shape):
    table = Embedding(10, 4)
    ids = np.random.default_rng(0).integers(0, 10, shape)
    y = table(Tensor(ids))
    assert y.shape == (*shape, 4)
    np.testing.assert_array_equal(y.data, table.weight.data[ids])
    assert type(y._grad_fn).__name__ == "EmbeddingBackward"
    np.testing.assert_array_equal(table.forward(ids).data, y.data)


def test_values_are_truncated():
    table = Embedding(5, 2)
    np.testing.assert_array_equal(table(Tensor([1.9, 0.2])).data, table.weight.data[[1, 0]])


def test_repeated_ids_accumulate_and_unused_rows_stay_zero():
    table = Embedding(5, 2)
    table(Tensor([[1, 3], [1, 1]])).sum().backward()
    np.testing.assert_array_equal(table.weight.grad, [[0, 0], [3, 3], [0, 0], [1, 1], [0, 0]])


@pytest.mark.parametrize("ids", [[5], [-1], [[0, 100]], [1e30]])
def test_ids_outside_the_table(ids):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="Index out of range"):
        Embedding(5, 2)(Tensor(ids))


def test_surface():
    table = Embedding(10, 4)
    assert (table.vocab_size, table.embed_dim) == (10, 4)
    assert table.parameters() == [table.weight]
    assert repr(table) == "Embedding(vocab_size=10, embed_dim=4)"
    other = Embedding(10, 4)
    other.weight = table.weight
    assert other.parameters()[0] is table.weight


def test_positions():
    encoding = PositionalEncoding(6, 4)
    assert (encoding.max_seq_len, encoding.embed_dim) == (6, 4)
    assert encoding.parameters() == [encoding.position_embeddings]
    assert repr(encoding) == "PositionalEncoding(max_seq_len=6, embed_dim=4)"
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, 4)), requires_grad=True)
    y = encoding(x)
    np.testing.assert_allclose(y.data, x.data + encoding.position_embeddings.data[:3], rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones((2, 3, 4)))
    expected = np.zeros((6, 4))
    expected[:3] = 2
    np.testing.assert_array_equal(encoding.position_embeddings.grad, expected)
    assert PositionalEncoding(max_length=6, embed_dim=4).max_seq_len == 6


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 4), "Expected 3D input"),
        ((1, 7, 4), "exceeds maximum"),
        ((1, 3, 5), "Embedding dimension mismatch"),
    ],
)
def test_positions_refuse(shape, message):
    with pytest.raises(ValueError, match=message):
        PositionalEncoding(6, 4)(Tensor(np.ones(shape)))


@pytest.mark.parametrize("width", [1, 4, 5])
def test_sinusoids(width):
    table = create_sinusoidal_embeddings(7, width)
    assert isinstance(table, Tensor)
    assert table.shape == (7, width)
    for position in range(7):
        for column in range(width):
            angle = position * 10000 ** (-2 * (column // 2) / width)
            expected = np.cos(angle) if column % 2 else np.sin(angle)
            assert table.data[position, column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["learned", "sinusoidal", None])
@pytest.mark.parametrize("scale", [False, True])
def test_layer(kind, scale):
    layer = EmbeddingLayer(10, 4, max_seq_len=6, pos_encoding=kind, scale_embeddings=scale)
    assert layer.pos_encoding_type == kind
    assert (layer.vocab_size, layer.embed_dim, layer.max_seq_len) == (10, 4, 6)
    assert layer.scale_embeddings is scale
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    expected = layer.token_embedding.weight.data[ids] * (2.0 if scale else 1.0)
    if kind == "learned":
        assert isinstance(layer.pos_encoding, PositionalEncoding)
        expected = expected + layer.pos_encoding.position_embeddings.data[:3]
    elif kind == "sinusoidal":
        assert isinstance(layer.pos_encoding, Tensor)
        expected = expected + layer.pos_encoding.data[:3]
    else:
        assert layer.pos_encoding is None
    np.testing.assert_allclose(layer(Tensor(ids)).data, expected, rtol=1e-5)
    single = layer(Tensor(ids[0]))
    assert single.shape == (3, 4)
    np.testing.assert_allclose(single.data, expected[0], rtol=1e-5)
    assert len(layer.parameters()) == (2 if kind == "learned" else 1)
    layer(Tensor(ids)).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    if kind is not None:
        with pytest.raises(ValueError, match="exceeds maximum"):
            layer(Tensor(np.ones((1, 7))))


def test_layer_refuses_and_calls_its_parts():
    with pytest.raises(ValueError, match="Unknown pos_encoding"):
        EmbeddingLayer(4, 4, pos_encoding="other")
    layer = EmbeddingLayer(10, 4, pos_encoding=None)
    layer.token_embedding.forward = lambda tokens: Tensor(np.ones((1, 2, 4)))
    np.testing.assert_array_equal(layer(Tensor([[1, 2]])).data, np.ones((1, 2, 4)))
