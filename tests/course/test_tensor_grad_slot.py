"""The grad attribute keeps what is stored in it (contract 3.4)."""

import numpy as np
import pytest

from tinytorch import Tensor


@pytest.mark.parametrize("value", [Tensor([1.0, 2.0]), np.array([1.0, 2.0]), np.zeros(2), None])
def test_user_values_are_kept_as_they_are(value):
    t = Tensor([1.0, 2.0], requires_grad=True)
    t.grad = value
    assert t.grad is value
    t.zero_grad()
    assert t.grad is None


def test_backward_stores_a_float32_array():
    t = Tensor([[1.0, 2.0]], requires_grad=True)
    (t * t).sum().backward()
    assert isinstance(t.grad, np.ndarray)
    assert t.grad.dtype == np.float32
    assert t.grad.shape == t.shape
    assert t.grad is t.grad
    np.testing.assert_array_equal(t.grad, [[2, 4]])


def test_ways_in_which_gradients_are_read():
    t = Tensor([1.0, -2.0], requires_grad=True)
    (t * t).sum().backward()
    assert np.allclose(t.grad, [2, -4])
    assert t.grad[0] == 2
    assert np.abs(t.grad).max() == 4
    assert np.any(t.grad != 0)
    np.testing.assert_array_equal(np.clip(t.grad, -1, 1), [1, -1])
    np.testing.assert_array_equal(t.grad.copy(), t.grad)
    np.testing.assert_array_equal(np.zeros_like(t.grad), [0, 0])
    assert np.linalg.norm(t.grad.data) == pytest.approx(np.sqrt(20))
    np.testing.assert_array_equal(t.data - 0.5 * np.array(t.grad.data), [0, 0])
    assert t.grad.data[1] == -4


def test_gradient_data_behaves_as_an_array():
    t = Tensor([3.0], requires_grad=True)
    (t * t).backward()
    np.testing.assert_allclose(t.grad.data * 0.1, [0.6], rtol=1e-6)
    t.grad.data = np.array([1.0])
    np.testing.assert_array_equal(t.grad, [1.0])


@pytest.mark.parametrize("given", [np.zeros(2), Tensor([1.0, 1.0]), np.array([5, 5])])
def test_backward_adds_to_what_the_user_stored(given):
    start = np.array(given.data if isinstance(given, Tensor) else given, dtype=float)
    t = Tensor([1.0, 2.0], requires_grad=True)
    t.grad = given
    (t * 3).sum().backward()
    np.testing.assert_allclose(t.grad, start + 3)
