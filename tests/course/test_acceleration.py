"""Products and fused GELU (contract 20)."""

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.perf.acceleration import Accelerator, fused_gelu, tiled_matmul, vectorized_matmul

RNG = np.random.default_rng(13)
SHAPES = [((5, 7), (7, 3)), ((2, 5, 7), (7, 3)), ((2, 1, 5, 7), (4, 7, 3)), ((0, 3), (3, 2))]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_products(a, b):
    x, y = RNG.standard_normal(a), RNG.standard_normal(b)
    expected = x @ y
    left = Tensor(x, requires_grad=True)
    for result in (
        vectorized_matmul(left, Tensor(y)),
        tiled_matmul(left, Tensor(y), tile_size=2),
        tiled_matmul(left, Tensor(y), tile_size=3),
        tiled_matmul(left, Tensor(y)),
    ):
        assert isinstance(result, Tensor)
        assert not result.requires_grad
        assert result.shape == expected.shape
        np.testing.assert_allclose(result.data, expected, rtol=1e-5, atol=1e-5)


def test_refusals():
    ones = [Tensor(np.ones(shape)) for shape in [(3,), (3, 4), (3, 5)]]
    for product in (vectorized_matmul, tiled_matmul):
        with pytest.raises(ValueError, match=r"2D\+"):
            product(ones[0], ones[1])
        with pytest.raises(ValueError, match="Shape mismatch"):
            product(ones[1], ones[2])
    with pytest.raises(ValueError, match="tile_size"):
        tiled_matmul(ones[1], ones[1].transpose(), tile_size=0)


@pytest.mark.parametrize("shape", [(), (0,), (10,), (4, 5, 6)])
def test_fused_gelu(shape):
    x = RNG.uniform(-10, 10, shape)
    y = fused_gelu(Tensor(x))
    expected = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    assert y.dtype == np.float32
    assert y.shape == shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-5, atol=1e-6)


def test_accelerator_is_the_same_product():
    a, b = Tensor(RNG.standard_normal((20, 30))), Tensor(RNG.standard_normal((30, 10)))
    np.testing.assert_array_equal(Accelerator.optimized_matmul(a, b).data, a.matmul(b).data)
