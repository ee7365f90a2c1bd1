"""Matrix products (contract 3.6)."""

import numpy as np
import pytest

from tinytorch import Tensor

RNG = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((3,), (3,)),
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 6)),
        ((2, 3, 4), (4,)),
        ((33, 65), (65, 17)),
    ],
)
def test_shapes_follow_numpy(a, b):
    x, y = RNG.standard_normal(a), RNG.standard_normal(b)
    expected = x @ y
    for result in (Tensor(x).matmul(Tensor(y)), Tensor(x) @ Tensor(y)):
        assert result.shape == expected.shape
        np.testing.assert_allclose(result.data, expected, rtol=1e-4, atol=1e-5)


def test_scalars_multiply_elementwise():
    np.testing.assert_array_equal((Tensor(2.0) @ Tensor([1.0, 2.0])).data, [2, 4])
    np.testing.assert_array_equal((Tensor([1.0, 2.0]) @ Tensor(2.0)).data, [2, 4])


@pytest.mark.parametrize("other", [np.ones((3, 2)), [[1.0]], 2.0, None])
def test_only_tensors(other):
    with pytest.raises(TypeError, match="Expected Tensor"):
        Tensor(np.ones((2, 3))).matmul(other)


def test_inner_sizes_differ():
    with pytest.raises(ValueError, match="Inner dimensions must match: 2 ≠ 3") as caught:
        Tensor(np.ones((1, 2))).matmul(Tensor(np.ones((3, 4))))
    assert "(1, 2)" in str(caught.value)
    assert "(3, 4)" in str(caught.value)


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (4,)), ((3,), (4,)), ((3,), (4, 2)), ((2, 3, 4), (3, 4, 5))]
)
def test_other_mismatches(a, b):
    with pytest.raises(ValueError, match=r"shape|size|dimension|broadcast|empty"):
        Tensor(np.ones(a)).matmul(Tensor(np.ones(b)))
