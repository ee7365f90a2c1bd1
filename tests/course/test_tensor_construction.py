"""Tensor construction, attributes and text (contract 3.1, 3.2, 3.5)."""

import numpy as np
import pytest

import tinytorch
from tinytorch import Tensor


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (5, ()),
        (2.5, ()),
        (True, ()),
        (np.float64(3.5), ()),
        ([1, 2, 3], (3,)),
        ((1, 2), (2,)),
        ([[1, 2], [3, 4], [5, 6]], (3, 2)),
        ([], (0,)),
        (np.zeros((0, 3)), (0, 3)),
        (np.arange(24).reshape(2, 3, 4), (2, 3, 4)),
    ],
)
def test_shapes_and_float32(data, shape):
    t = Tensor(data)
    assert t.shape == shape
    assert isinstance(t.shape, tuple)
    assert all(type(n) is int for n in t.shape)
    assert t.size == int(np.prod(shape))
    assert type(t.size) is int
    assert t.dtype == np.float32
    assert t.dtype in [np.float32]
    assert t.data.dtype == np.float32
    assert t.data.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(t.data, np.asarray(data, dtype=np.float32))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float64", ">f4"])
def test_real_arrays_are_copied(dtype):
    source = np.ones((2, 2), dtype=dtype)
    t = Tensor(source)
    source[:] = 0
    np.testing.assert_array_equal(t.data, np.ones((2, 2)))


def test_tensors_never_share_memory():
    a = Tensor([[1.0, 2.0], [3.0, 4.0]])
    for b in (Tensor(a.data), Tensor(a), a.reshape(4), a.transpose(), a[0], a[:], a.reshape(2, 2)):
        assert not np.shares_memory(a.data, b.data)
        b.data[...] = -1
        np.testing.assert_array_equal(a.data, [[1, 2], [3, 4]])


@pytest.mark.parametrize("data", [[[1, 2], [3]], "text", ["a", "b"]])
def test_ragged_lists_and_text_are_value_errors(data):
    with pytest.raises(ValueError, match=r"ragged|numbers"):
        Tensor(data)


@pytest.mark.parametrize("data", [1j, np.ones(2, dtype=complex), None])
def test_complex_and_none_are_type_errors(data):
    with pytest.raises(TypeError):
        Tensor(data)


def test_fresh_tensor():
    t = Tensor([1.0])
    assert t.requires_grad is False
    assert t.grad is None
    assert t._grad_fn is None
    assert Tensor._autograd_enabled is True
    assert Tensor([1.0], True).requires_grad is True
    assert Tensor([1.0], dtype="float32").dtype == np.float32


def test_text():
    assert repr(Tensor([1, 2])) == "Tensor(data=[1. 2.], shape=(2,))"
    assert repr(Tensor(5.0)) == "Tensor(data=5.0, shape=())"
    assert repr(Tensor([1.0], True)) == "Tensor(data=[1.], shape=(1,), requires_grad=True)"
    assert str(Tensor([1, 2])) == "Tensor([1. 2.])"


def test_objects_are_ordinary():
    a, b = Tensor([1.0]), Tensor([1.0])
    a.anything = [b]
    assert a.anything[0] is b
    assert a == a
    assert a != b
    assert a in [b, a]
    assert len({a, b, a}) == 2
    assert bool(Tensor(0.0)) is True
    assert isinstance(a, tinytorch.core.autograd.Variable)


@pytest.mark.parametrize(
    "name", ["parameters", "layers", "weight", "bias", "forward", "evaluate", "predict"]
)
def test_what_a_tensor_must_not_have(name):
    assert not hasattr(Tensor([1.0]), name)


def test_class_attributes_are_writable():
    Tensor.marker = 1
    try:
        assert Tensor([1.0]).marker == 1
    finally:
        del Tensor.marker


def test_conversions():
    t = Tensor([[3.0]])
    assert float(t) == 3.0
    assert int(t) == 3
    assert t.item() == 3.0
    assert len(Tensor([[1, 2], [3, 4]])) == 2
    np.testing.assert_array_equal(np.asarray(Tensor([1, 2])), [1, 2])
    with pytest.raises(ValueError, match="one element"):
        Tensor([1, 2]).item()
    assert t.ndim == 2
    assert t.flatten().shape == (1,)
    assert t.detach().requires_grad is False


def test_a_subclass_keeps_its_class():
    class Named(Tensor):
        def __init__(self, data, name):
            super().__init__(data)
            self.name = name

    t = Named([1.0, 2.0], "x")
    assert t.name == "x"
    np.testing.assert_array_equal((t + 1).data, [2, 3])
