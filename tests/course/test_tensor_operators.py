"""Arithmetic, indexing, shapes, reductions (contract 3.5, 1.5)."""

import numpy as np
import pytest

from tinytorch import Tensor

A = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "other",
    [2, 2.5, np.float64(2), [1.0, 2.0, 3.0, 4.0], np.ones((3, 1)), Tensor(np.full((1, 4), 2.0))],
)
@pytest.mark.parametrize("name", ["__add__", "__sub__", "__mul__", "__truediv__"])
def test_arithmetic_broadcasts_like_numpy(name, other):
    value = np.asarray(other.data if isinstance(other, Tensor) else other, dtype=np.float32)
    result = getattr(Tensor(A), name)(other)
    assert isinstance(result, Tensor)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.data, getattr(A, name)(value), rtol=1e-6)


def test_reflected_and_other_operators():
    t = Tensor([1.0, 2.0])
    np.testing.assert_array_equal((2 * t).data, [2, 4])
    np.testing.assert_array_equal((1 + t).data, [2, 3])
    np.testing.assert_array_equal((1 - t).data, [0, -1])
    np.testing.assert_array_equal((1 / t).data, [1, 0.5])
    np.testing.assert_array_equal((-t).data, [-1, -2])
    np.testing.assert_array_equal((t**2).data, [1, 4])
    np.testing.assert_allclose(t.sqrt().data, np.sqrt([1, 2]), rtol=1e-6)
    np.testing.assert_array_equal((np.array([1.0, 1.0]) + t).data, [2, 3])
    assert isinstance(np.ones(2) * t, Tensor)


def test_shapes_that_do_not_broadcast():
    for operate in ("__add__", "__sub__", "__mul__", "__truediv__"):
        with pytest.raises(ValueError, match="broadcast"):
            getattr(Tensor(np.ones((2, 3))), operate)(Tensor(np.ones((2, 4))))


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(1),
        slice(None),
        slice(None, None, -1),
        slice(5, 9),
        (0, 1),
        (0, 1, 2),
        (slice(None), 1),
        (..., 2),
        (..., None),
        None,
        (0, ..., slice(1, 3)),
        [0, 1, 0],
        np.array([1, 0]),
        np.array([True, False]),
        (np.array([0, 1]), np.array([2, 0])),
        (slice(None), [0, 2], slice(1, None, 2)),
        A > 0,
        np.zeros((2, 3, 4), dtype=bool),
    ],
    ids=repr,
)
def test_indexing_is_numpys(key):
    result = Tensor(A)[key]
    assert isinstance(result, Tensor)
    np.testing.assert_array_equal(result.data, A[key])
    assert result.shape == A[key].shape


@pytest.mark.parametrize("key", [2, -3, (0, 3), (0, 0, 0, 0), [5], np.array([-4])])
def test_index_out_of_range(key):
    with pytest.raises(IndexError):
        Tensor(A)[key]


def test_iteration_ends():
    rows = list(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert [row.data.tolist() for row in rows] == [[1, 2], [3, 4]]
    assert all(isinstance(value, Tensor) for value in Tensor([1.0, 2.0]))


def test_no_item_assignment():
    with pytest.raises(TypeError):
        Tensor(A)[0] = 1


def test_reshape():
    t = Tensor(np.arange(6))
    for result in (t.reshape(2, 3), t.reshape((2, 3)), t.reshape([2, 3]), t.reshape(2, -1)):
        np.testing.assert_array_equal(result.data, [[0, 1, 2], [3, 4, 5]])
    assert t.reshape(np.int64(3), -1).shape == (3, 2)
    assert Tensor(np.zeros((0, 4))).reshape(0, 2, 2).shape == (0, 2, 2)
    assert Tensor([5.0]).reshape(()).shape == ()
    with pytest.raises(ValueError, match="Total elements must match: 6 ≠ 4"):
        t.reshape(2, 2)
    with pytest.raises(ValueError, match="one unknown dimension"):
        t.reshape(-1, -1)


def test_transpose():
    t = Tensor(A)
    np.testing.assert_array_equal(t.transpose().data, A.swapaxes(-1, -2))
    np.testing.assert_array_equal(t.transpose(0, -1).data, A.swapaxes(0, -1))
    np.testing.assert_array_equal(Tensor([[1.0, 2.0]]).T.data, [[1], [2]])
    for low in (Tensor([1.0, 2.0]), Tensor(3.0)):
        np.testing.assert_array_equal(low.transpose().data, low.data)
        assert not np.shares_memory(low.transpose().data, low.data)
    assert t.transpose().data.flags["C_CONTIGUOUS"]
    with pytest.raises(ValueError, match="Both dim0 and dim1 must be specified"):
        t.transpose(0)
    with pytest.raises((ValueError, IndexError)):
        t.transpose(0, 3)


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, -2), (0, 1, 2)])
def test_reductions(name, axis, keepdims):
    result = getattr(Tensor(A), name)(axis=axis, keepdims=keepdims)
    expected = getattr(A.astype(np.float64), name)(axis=axis, keepdims=keepdims)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.data, expected, rtol=1e-5, atol=1e-6)


def test_empty_reductions():
    assert float(Tensor([]).sum().data) == 0.0
    with pytest.raises(ValueError, match=r"shape|size|dimension|broadcast|empty"):
        Tensor([]).max()


def test_results_are_float32_after_a_float64_assignment():
    t = Tensor([1.0])
    t.data = np.array([1.0 / 3.0])
    for result in (t + 1, t * t, t.sum(), t.reshape(1, 1), t[0]):
        assert result.dtype == np.float32
        assert result.data.dtype == np.float32


def test_numpy_functions_take_a_tensor():
    t = Tensor([[1.0, 2], [3, 4]], requires_grad=True)
    for function in (np.sum, np.mean, np.max):
        for kwargs in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
            result = function(t, **kwargs)
            assert isinstance(result, Tensor)
            np.testing.assert_allclose(result.data, function(t.data, **kwargs))
    np.sum(t).backward()
    np.testing.assert_array_equal(t.grad, np.ones((2, 2)))
    for function in (np.min, np.std, np.exp, np.argmax, np.ravel, np.isnan, np.linalg.norm):
        np.testing.assert_allclose(function(t), function(t.data), rtol=1e-6)
    assert np.transpose(Tensor(np.ones((2, 3, 4))), (2, 0, 1)).shape == (4, 2, 3)
    with pytest.raises(TypeError, match="dtype"):
        np.sum(t, dtype=np.float64)
    with pytest.raises(TypeError, match="out"):
        np.max(t, out=np.zeros(()))
