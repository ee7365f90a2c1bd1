"""The laws of Tensor.backward (contract 7.2, 7.3)."""

import time

import numpy as np
import pytest

from tinytorch import Tensor, enable_autograd
from tinytorch.core.autograd import backward, no_grad


def leaf(*values):
    return Tensor(list(values), requires_grad=True)


def test_enable_autograd_is_silent(capsys):
    assert enable_autograd() is None
    assert enable_autograd(quiet=True) is None
    assert capsys.readouterr() == ("", "")
    assert Tensor._autograd_enabled is True


def test_untracked_tensor_does_nothing_whatever_its_shape():
    for t in (Tensor([1.0, 2.0]), Tensor(1.0), Tensor([1.0]) + Tensor([2.0])):
        assert t.backward() is None
        assert t.grad is None


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_starts_from_ones(shape):
    x = Tensor(np.full(shape, 3.0), requires_grad=True)
    y = x * x
    y.backward()
    np.testing.assert_array_equal(x.grad, np.full(shape, 6.0))
    np.testing.assert_array_equal(y.grad, np.ones(shape))


def test_more_elements_need_a_gradient():
    with pytest.raises(ValueError, match="non-scalar"):
        (leaf(1.0, 2.0) * 2).backward()


@pytest.mark.parametrize(
    "gradient", [np.array([1.0, 2.0]), np.array([1, 2]), Tensor([1.0, 2.0]), [1.0, 2.0]]
)
def test_given_gradients(gradient):
    x = leaf(1.0, 1.0)
    (x * 3).backward(gradient)
    np.testing.assert_array_equal(x.grad, [3, 6])


@pytest.mark.parametrize("gradient", [np.array(2.0), 2.0, 2])
def test_a_scalar_gradient_broadcasts(gradient):
    x = leaf(1.0, 1.0)
    (x * 3).backward(gradient)
    np.testing.assert_array_equal(x.grad, [6, 6])


def test_intermediates_receive_gradients():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    z.backward()
    assert z.grad[0] == 1
    assert y.grad[0] == 12
    assert x.grad[0] == 36


def test_gradients_accumulate_over_calls_and_graphs():
    x = leaf(2.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad[0] == 8
    (x * 5).backward()
    assert x.grad[0] == 13
    x.zero_grad()
    (x * 5).backward()
    assert x.grad[0] == 5


def test_the_function_form():
    x = leaf(2.0)
    backward(x * x)
    assert x.grad[0] == 4


def test_broadcast_gradients_have_the_operands_shape():
    a = Tensor(np.ones((3, 1)), requires_grad=True)
    b = Tensor(np.ones((4,)), requires_grad=True)
    c = Tensor(1.0, requires_grad=True)
    (a * b + c).backward(np.ones((3, 4)))
    np.testing.assert_array_equal(a.grad, np.full((3, 1), 4))
    np.testing.assert_array_equal(b.grad, np.full(4, 3))
    assert c.grad.shape == ()
    assert c.grad == 12


def test_requires_grad_follows_any_operand():
    plain, tracked = Tensor([1.0]), leaf(1.0)
    assert (plain + tracked).requires_grad
    assert (tracked * 2)._grad_fn is not None
    assert not (plain + plain).requires_grad
    assert (plain + plain)._grad_fn is None


def test_requires_grad_can_change():
    x = Tensor([2.0])
    x.requires_grad = True
    y = x * x
    y.backward()
    assert x.grad[0] == 4
    other = leaf(3.0)
    z = x * other
    x.requires_grad = False
    x.grad = None
    z.backward()
    assert x.grad is None
    assert other.grad[0] == 2


@pytest.mark.parametrize(
    ("operate", "name"),
    [
        (lambda x: x + x, "AddBackward"),
        (lambda x: x - 1, "SubBackward"),
        (lambda x: x * 2, "MulBackward"),
        (lambda x: x / 2, "DivBackward"),
        (lambda x: x @ x, "MatmulBackward"),
        (lambda x: x.transpose(), "TransposeBackward"),
        (lambda x: x.reshape(4), "ReshapeBackward"),
        (lambda x: x[0], "SliceBackward"),
        (lambda x: x.sum(), "SumBackward"),
    ],
)
def test_names_of_nodes(operate, name):
    result = operate(Tensor(np.eye(2), requires_grad=True))
    assert type(result._grad_fn).__name__ == name
    assert result.requires_grad


def test_long_chain():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 0.0
    y.backward()
    assert x.grad[0] == 1
    del y


def test_shared_subgraphs_are_visited_once():
    x = leaf(1.0)
    y = x
    for _ in range(200):  # 2^200 paths
        y = y + y * 0.0
    start = time.perf_counter()
    y.backward()
    assert time.perf_counter() - start < 5
    assert x.grad[0] == 1


def test_no_grad():
    x = leaf(2.0)
    with no_grad():
        y = x * x
        assert not y.requires_grad
    assert (x * x).requires_grad

    @no_grad()
    def inside():
        return x * x

    assert not inside().requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * x).requires_grad


def test_operands_are_not_changed():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    a, b = Tensor(values, requires_grad=True), Tensor(values, requires_grad=True)
    ((a @ b) * a / b).sum().backward()
    np.testing.assert_array_equal(a.data, values)
    np.testing.assert_array_equal(b.data, values)


def test_gradients_of_two_tensors_are_separate_arrays():
    a, b = leaf(1.0), leaf(1.0)
    (a + b).backward()
    a.grad[0] = 50
    assert b.grad[0] == 1
