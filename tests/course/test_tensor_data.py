"""The data attribute: identity, aliasing, replacement (contract 3.3)."""

import math

import numpy as np
import pytest

from tinytorch import Linear, Tensor


def test_reading_twice_gives_the_same_object():
    for t in (Tensor([1.0, 2.0]), Tensor(3.0), Tensor([1.0]) + 1, Tensor([[1.0, 2.0]])[0]):
        assert t.data is t.data
        assert t.numpy() is t.data
        assert isinstance(t.data, np.ndarray)
        assert t.data.flags.writeable


def test_edits_in_place_change_the_tensor():
    t = Tensor([1.0, 2.0, 3.0])
    t.data[0] = 10
    t.data[1:] = 5
    t.data[t.data == 10] = 7
    np.testing.assert_array_equal((t + 0).data, [7, 5, 5])
    t.data += 1
    np.testing.assert_array_equal((t + 0).data, [8, 6, 6])
    t.data.fill(2)
    np.testing.assert_array_equal((t * 1).data, [2, 2, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_assignment_replaces_the_storage(dtype):
    t = Tensor([1.0, 2.0])
    old = t.data
    t.data = np.array([[3, 4, 5]], dtype=dtype)
    np.testing.assert_array_equal(old, [1, 2])
    assert t.shape == (1, 3)
    assert t.data is t.data
    t.data[0, 0] = 9
    result = t + 0
    np.testing.assert_array_equal(result.data, [[9, 4, 5]])
    assert result.dtype == np.float32


def test_old_array_keeps_its_values_after_rebinding():
    t = Tensor([1.0])
    saved = t.data
    t.data = t.data - 0.5
    assert saved[0] == 1.0
    assert t.data[0] == 0.5


def test_layers_use_replaced_data():
    layer = Linear(2, 1)
    layer.weight.data = np.array([[1.0], [2.0]])
    np.testing.assert_array_equal(layer(Tensor([[3.0, 4.0]])).data, [[11.0]])


def test_zero_dimensional_data():
    t = Tensor([1.0, 2.5]).sum()
    assert isinstance(t.data, np.ndarray)
    assert t.data.shape == ()
    assert t.data.item() == 3.5
    assert float(t.data) == 3.5
    assert int(t.data) == 3
    assert t.data > 3
    assert f"{t.data:.4f}" == "3.5000"
    assert not np.isnan(t.data)
    assert t.data * 2.0 == 7.0
    assert hasattr(t.data, "item")
    assert t.data.copy() == 3.5
    assert isinstance(t.data / 2, np.floating)


def test_the_buffer_of_data_is_an_array_again():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.array(t.data.data), t.data)


def test_a_result_kept_while_its_operands_change():
    x = Tensor([1.0, 2.0])
    y = x.reshape(2, 1)
    x.data[0] = 100
    assert y.data[0, 0] == 1.0
    z = x[0:1]
    z.data[0] = -1
    assert x.data[0] == 100


def test_division_by_zero_raises_nothing():
    with np.errstate(all="raise"):
        result = Tensor([1.0, -1.0, 0.0]) / Tensor([0.0, 0.0, 0.0])
    assert result.data[0] == math.inf
    assert result.data[1] == -math.inf
    assert math.isnan(result.data[2])
