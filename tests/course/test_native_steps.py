"""The engine's optimizer steps refuse what they cannot work on in place."""

import numpy as np
import pytest

import tinytorch as tt
from tinytorch import _core

sgd = _core.optim.sgd_step
adam = _core.optim.adam_step


def ones(n=3, dtype=np.float32):
    return np.ones(n, dtype=dtype)


def test_large_arrays_are_cut_into_pieces_without_a_trace():
    n = 200_003
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal(n).astype(np.float32), rng.standard_normal(n).astype(np.float32)
    v = np.zeros_like(w)
    expected = w - np.float32(0.5) * g
    sgd(w, g, v, 0.5, 0.9)
    np.testing.assert_array_equal(w, expected)
    np.testing.assert_array_equal(v, g)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: sgd(ones(dtype=np.float64), ones(), None, 0.1), TypeError),
        (lambda: sgd(ones(), ones(dtype=np.int32), None, 0.1), TypeError),
        (lambda: sgd(ones(), ones(4), None, 0.1), ValueError),
        (lambda: sgd(ones(), ones(), ones(2), 0.1, 0.9), ValueError),
        (lambda: sgd(ones(6)[::2], ones(), None, 0.1), ValueError),
        (lambda: sgd(np.broadcast_to(np.float32(1), 3), ones(), None, 0.1), ValueError),
        (lambda: adam(ones(), ones(), ones(), ones(1), 0.1, 0.9, 0.99, 1e-8, 0.0, 1), ValueError),
        (lambda: adam(ones(), ones(), ones(), ones(), 0.1, 0.9, 0.99, 1e-8, 0.0, 0), ValueError),
    ],
)
def test_unusable_arrays(call, error):
    with pytest.raises(error):
        call()


def test_empty_arrays():
    sgd(ones(0), ones(0), None, 0.1)


def address(p):
    return p.data.__array_interface__["data"][0]


def test_only_arrays_that_nobody_else_holds_are_changed_in_place():
    p = tt.Tensor(np.ones(4), requires_grad=True)
    optimizer = tt.SGD([p], lr=0.5)
    p.grad = np.ones(4)
    optimizer.step()  # whatever the constructor was given may be someone's
    at = address(p)
    optimizer.step()
    assert address(p) == at
    whole = p.data
    optimizer.step()
    np.testing.assert_array_equal(whole, np.zeros(4))
    del whole
    view = p.data[1:]
    before = view.copy()
    optimizer.step()
    np.testing.assert_array_equal(view, before)
    used = _core.ops.mul(p, p)  # the graph keeps the values that it read
    expected = 2 * p.data.copy()
    optimizer.step()
    p.grad = None
    used.backward(np.ones(4))
    np.testing.assert_array_equal(p.grad, expected)
