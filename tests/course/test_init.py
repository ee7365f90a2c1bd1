"""Initialisers (nn.init) and the draws of every layer, bit for bit (contract 1.4, 29.9)."""

import math

import numpy as np
import pytest

from tinytorch import GPT, Conv2d, Embedding, Linear, MultiHeadAttention, PositionalEncoding, Tensor
from tinytorch.nn import init


def test_linear_draws():
    np.random.seed(3)
    layer = Linear(7, 5)
    np.random.seed(3)
    expected = np.random.randn(7, 5) * np.sqrt(1 / 7)
    np.testing.assert_array_equal(layer.weight.data, expected.astype(np.float32))


def test_conv_draws():
    np.random.seed(3)
    layer = Conv2d(3, 4, (2, 5))
    np.random.seed(3)
    expected = np.random.normal(0, np.sqrt(2 / (3 * 2 * 5)), (4, 3, 2, 5))
    np.testing.assert_array_equal(layer.weight.data, expected.astype(np.float32))


def test_embedding_draws():
    np.random.seed(3)
    table, positions = Embedding(9, 4), PositionalEncoding(6, 4)
    np.random.seed(3)
    limit = np.sqrt(6 / 13)
    np.testing.assert_array_equal(
        table.weight.data, np.random.uniform(-limit, limit, (9, 4)).astype(np.float32)
    )
    limit = np.sqrt(2 / 4)
    np.testing.assert_array_equal(
        positions.position_embeddings.data,
        np.random.uniform(-limit, limit, (6, 4)).astype(np.float32),
    )


def test_order_of_draws_in_composites():
    np.random.seed(3)
    heads = MultiHeadAttention(4, 2)
    np.random.seed(3)
    for part in (heads.q_proj, heads.k_proj, heads.v_proj, heads.out_proj):
        np.testing.assert_array_equal(
            part.weight.data, (np.random.randn(4, 4) * np.sqrt(1 / 4)).astype(np.float32)
        )
    np.random.seed(4)
    model = GPT(5, 4, 1, 2, 6)
    np.random.seed(4)
    for table, shape in ((model.token_embedding, (5, 4)), (model.position_embedding, (6, 4))):
        limit = np.sqrt(6 / sum(shape))
        np.testing.assert_array_equal(
            table.weight.data, np.random.uniform(-limit, limit, shape).astype(np.float32)
        )
    block = model.blocks[0]
    matrices = [p for p in block.parameters() if len(p.shape) == 2]
    for weight in (*matrices, model.lm_head.weight):
        rows, columns = weight.shape
        np.testing.assert_array_equal(
            weight.data, (np.random.randn(rows, columns) * np.sqrt(1 / rows)).astype(np.float32)
        )


def weight(*shape):
    return Tensor(np.zeros(shape), requires_grad=True)


def test_constants():
    t = weight(3, 2)
    assert init.ones_(t) is t
    np.testing.assert_array_equal(t.data, np.ones((3, 2)))
    np.testing.assert_array_equal(init.zeros_(t).data, np.zeros((3, 2)))
    np.testing.assert_array_equal(init.constant_(t, 2.5).data, np.full((3, 2), 2.5))


def test_fans():
    assert init.fans(weight(3, 5)) == (3, 5)
    assert init.fans(weight(8, 4, 3, 3)) == (36, 72)
    with pytest.raises(ValueError, match="two axes"):
        init.fans(weight(3))


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t, g: init.uniform_(t, -1, 1, generator=g), 1 / math.sqrt(3)),
        (lambda t, g: init.normal_(t, 0, 0.3, generator=g), 0.3),
        (lambda t, g: init.xavier_uniform_(t, generator=g), math.sqrt(2 / 500)),
        (lambda t, g: init.xavier_normal_(t, generator=g), math.sqrt(2 / 500)),
        (lambda t, g: init.kaiming_uniform_(t, generator=g), math.sqrt(2 / 200)),
        (lambda t, g: init.kaiming_normal_(t, generator=g), math.sqrt(2 / 200)),
        (lambda t, g: init.kaiming_normal_(t, "fan_out", "tanh", g), 5 / 3 / math.sqrt(300)),
    ],
)
def test_spreads(fill, std):
    t = fill(weight(200, 300), np.random.default_rng(0))
    assert t.data.std() == pytest.approx(std, rel=0.02)
    assert abs(t.data.mean()) < 0.01
    assert t.requires_grad
    np.random.seed(1)
    first = fill(weight(4, 4), None).data
    np.random.seed(1)
    np.testing.assert_array_equal(first, fill(weight(4, 4), None).data)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (4, 2, 3)])
def test_orthogonal(shape):
    flat = init.orthogonal_(weight(*shape), gain=2.0).data.reshape(shape[0], -1)
    product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_unknown_names():
    with pytest.raises(ValueError, match="gain"):
        init.calculate_gain("cubic")
    with pytest.raises(ValueError, match="mode"):
        init.kaiming_normal_(weight(2, 2), mode="fan")
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
