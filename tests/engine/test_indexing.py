"""Indexing against NumPy, over keys of every kind: forward, gradient and assignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tinytorch import Tensor, engine
from tinytorch.core.autograd import no_grad

SIDES = st.sampled_from([3, 1, 4, 0, 2])


@st.composite
def slices(draw: Callable, n: int) -> slice:
    bound = st.none() | st.integers(-n - 2, n + 2)
    step = st.none() | st.sampled_from([1, 2, -1, -2, 3, -7, 2**62, -(2**62), -(2**63)])
    return slice(draw(bound), draw(bound), draw(step))


@st.composite
def keys(draw: Callable, shape: tuple[int, ...]) -> Any:
    """A key for an array of this shape, mostly valid, sometimes out of range or too long."""
    index_shape = draw(st.sampled_from([(), (2,), (1,), (2, 2), (0,), (3, 1)]))
    items: list[Any] = []
    axis = 0
    has_ellipsis = False
    while axis < len(shape) and draw(st.integers(0, 5)) > 0:
        n = shape[axis]
        kind = draw(st.sampled_from(["slice", "int", "array", "mask", "none", "ellipsis", "list"]))
        if kind == "ellipsis" and not has_ellipsis:
            items.append(...)
            has_ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
        elif kind == "none":
            items.append(None)
        elif kind == "int":
            items.append(draw(st.integers(-n - 1, n)))
            axis += 1
        elif kind == "array":
            low = -max(n, 1)
            places = draw(st.lists(st.integers(low, max(n - 1, 0)), min_size=12, max_size=12))
            count = int(np.prod(index_shape))
            items.append(np.array(places)[:count].reshape(index_shape))
            axis += 1
        elif kind == "list":
            items.append(draw(st.lists(st.integers(0, max(n - 1, 0)), min_size=1, max_size=3)))
            axis += 1
        elif kind == "mask":
            dims = draw(st.integers(0, min(2, len(shape) - axis)))
            sizes = shape[axis : axis + dims]
            bits = draw(st.lists(st.booleans(), min_size=16, max_size=16))
            items.append(np.resize(np.array(bits), sizes))
            axis += dims
        else:
            items.append(draw(slices(n)))
            axis += 1
    if len(items) == 1 and draw(st.booleans()):
        return items[0]
    return tuple(items)


@st.composite
def keyed(draw: Callable) -> tuple[np.ndarray, Any]:
    shape = tuple(draw(st.lists(SIDES, max_size=4)))
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return x, draw(keys(shape))


def outcome(function: Callable[[], Any]) -> Any:
    """The result, or IndexError where the key does not fit."""
    try:
        return function()
    except IndexError:
        return IndexError


@settings(max_examples=400)
@given(keyed())
@example((np.ones((2, 3), np.float32), ()))
@example((np.ones((), np.float32), ()))
@example((np.ones((), np.float32), True))
@example((np.ones((2, 3, 4), np.float32), (0, slice(None), [0, 1])))
@example((np.ones((2, 3, 4), np.float32), ([0, 1], slice(None), [0, 1])))
@example((np.ones((2, 3, 4), np.float32), (slice(None), [0, 1], None, [1, 0])))
@example((np.ones((2, 3), np.float32), (False,)))
@example((np.ones((2, 3), np.float32), [True, False]))
@example((np.ones(0, np.float32), (np.array(False), [0])))
@example((np.ones((2, 2), np.float32), ([], 5)))
@example((np.ones((2, 2), np.float32), ([], [5])))
def test_forward_and_gradient(drawn: tuple[np.ndarray, Any]) -> None:
    x, key = drawn
    # NumPy 1.26 accepts indices out of bounds where the result is empty.
    assume(np.lib.NumpyVersion(np.__version__) >= "2.0.0" or x.size > 0)
    t = Tensor(x, requires_grad=True)
    want = outcome(lambda: x[key])
    got = outcome(lambda: t[key])
    if want is IndexError:
        assert got is IndexError
        return
    assert isinstance(got, Tensor)
    want = np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_array_equal(got.data, want)

    seed = np.cos(np.arange(want.size)).reshape(want.shape).astype(np.float32)
    got.backward(seed)
    expected = np.zeros_like(x)
    np.add.at(expected, key, seed)
    np.testing.assert_allclose(t.grad, expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=200)
@given(keyed(), st.booleans())
def test_assignment(drawn: tuple[np.ndarray, Any], whole: bool) -> None:
    x, key = drawn
    want = x.copy()
    picked = outcome(lambda: want[key])
    if picked is IndexError:
        with pytest.raises(IndexError):
            engine.index_assign_(Tensor(x), key, Tensor(0.0))
        return
    shape = np.shape(picked)
    value = np.full(shape, -1.0, np.float32) if whole else np.float32(-1.0)
    want[key] = value
    t = Tensor(x)
    engine.index_assign_(t, key, Tensor(value))
    np.testing.assert_array_equal(t.data, want)


def test_assignment_reaches_shared_memory() -> None:
    x = np.zeros((3, 4), np.float32)
    engine.index_assign_(engine.from_numpy(x), (slice(None, None, -2), [1, 2]), Tensor([5.0, 6.0]))
    np.testing.assert_array_equal(x[:, 1:3], [[5, 6], [0, 0], [5, 6]])


@pytest.mark.parametrize(
    "kind", ["int64", "int32", "int8", "uint8", "bool", "float16", "bfloat16", "float64"]
)
def test_every_element_type(kind: str) -> None:
    x = engine.tensor(np.arange(6).reshape(2, 3) % 2, kind)
    for key in (0, (slice(None), -1), ([1, 0], [0, 2]), np.eye(2, 3, dtype=bool)):
        got = engine.ops.astype(x[key], "float32")
        np.testing.assert_array_equal(got.data, (np.arange(6).reshape(2, 3) % 2)[key])
        assert str(x[key].dtype) == kind


def test_tensors_as_indices() -> None:
    x = Tensor(np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(
        x[Tensor([2.0, 0.0])].data, x.data[[2, 0]]
    )  # ids travel as float32
    np.testing.assert_array_equal(x[engine.tensor([1, -1], "int64")].data, x.data[[1, -1]])
    mask = engine.ops.gt(x, 5.0)
    np.testing.assert_array_equal(x[mask].data, x.data[x.data > 5])


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (5, IndexError, "out of bounds"),
        (-5, IndexError, "out of bounds"),
        ((0, 0, 0), IndexError, "too many indices"),
        ((..., ...), IndexError, "ellipsis"),
        (1.5, IndexError, "integers"),
        ("a", IndexError, "integers"),
        ([0.5], IndexError, "integers or booleans"),
        ([4], IndexError, "out of bounds"),
        ([[0, 1], [0, 1, 2]], ValueError, ""),
        (([0, 1], [0, 1, 1]), IndexError, "broadcast"),
        (np.ones(3, bool), IndexError, "boolean"),
        (slice(None, None, 0), ValueError, "zero"),
        (2**70, IndexError, ""),
        (slice("a", None), TypeError, ""),
        ({}, IndexError, "integers"),
        (Tensor([float("nan")]), IndexError, "finite"),
    ],
)
def test_errors(key: Any, error: type[Exception], text: str) -> None:
    x = Tensor(np.zeros((4, 2)))
    with pytest.raises(error, match=text or None):
        x[key]


def test_iteration_and_length() -> None:
    x = Tensor(np.arange(6.0).reshape(3, 2))
    rows = list(x)
    assert len(x) == 3
    assert all(isinstance(r, Tensor) and r.shape == (2,) for r in rows)
    np.testing.assert_array_equal(np.stack([r.data for r in rows]), x.data)
    with pytest.raises(TypeError):
        len(Tensor(1.0))


def test_indexing_after_indexing_keeps_the_graph() -> None:
    x = Tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    y = x[:, ::-1][1][..., [0, 0, 3]]
    y.sum().backward()
    expected = np.zeros((2, 3, 4))
    expected[1, :, 0], expected[1, :, 3] = 2, 1
    np.testing.assert_array_equal(x.grad, expected)
    with no_grad():
        assert not x[0].requires_grad
