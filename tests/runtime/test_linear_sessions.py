"""Sessions of linear layers against plain products, and their refusals."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch as tt
from tinytorch import _core
from tinytorch.runtime import Int8Matmul, LinearSession, MlpSession

SIZES = st.integers(1, 70)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 40), inputs=SIZES, outputs=SIZES)
def test_float_sessions_have_the_bits_of_the_operator(rows: int, inputs: int, outputs: int) -> None:
    w, b, x = normal(outputs, inputs), normal(outputs, seed=1), normal(rows, inputs, seed=2)
    session = LinearSession(w, b)
    expected = _core.ops.linear(tt.Tensor(x), tt.Tensor(w.T.copy()), tt.Tensor(b)).data
    np.testing.assert_array_equal(session(x), expected)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(0, 40),
    inputs=SIZES,
    outputs=SIZES,
    format=st.sampled_from([("bf16", 0.02), ("int8", 0.03), ("int4", 0.2)]),
)
def test_other_formats_stay_near(
    rows: int, inputs: int, outputs: int, format: tuple[str, float]
) -> None:
    w, b, x = normal(outputs, inputs), normal(outputs, seed=1), normal(rows, inputs, seed=2)
    precision, bound = format
    y = LinearSession(w, b, precision=precision)(x)
    exact = x.astype(np.float64) @ w.T + b
    assert y.shape == exact.shape
    if y.size:
        scale = np.linalg.norm(x, axis=1).max() * np.linalg.norm(w, axis=1).max()
        assert np.abs(y - exact).max() <= bound * scale


def test_leading_dimensions_tensors_and_views() -> None:
    w, x = normal(5, 7), normal(2, 3, 7)
    session = LinearSession(w, precision="int8")
    y = session(x)
    assert y.shape == (2, 3, 5)
    np.testing.assert_array_equal(session(x[:, ::2]), y[:, ::2])
    made = session(tt.Tensor(x))
    assert isinstance(made, tt.Tensor)
    np.testing.assert_array_equal(made.data, y)
    np.testing.assert_array_equal(LinearSession(w.T.copy().T, precision="int8")(x), y)


def test_sizes_are_those_of_the_format() -> None:
    w, b = normal(64, 96), normal(64)
    sizes = {p: LinearSession(w, b, precision=p).nbytes for p in ("f32", "bf16", "int8", "int4")}
    n = 64 * 96
    assert sizes == {
        "f32": 4 * n + 256,
        "bf16": 2 * n + 256,
        "int8": n + 256 + 256,
        "int4": n * 9 // 16 + 256,
    }


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(0, 100), widths=st.lists(SIZES, min_size=2, max_size=5))
def test_stacks_have_the_bits_of_the_operators(rows: int, widths: list[int]) -> None:
    pairs = list(itertools.pairwise(widths))
    weights = [normal(i, o, seed=n) for n, (i, o) in enumerate(pairs)]
    biases = [normal(o, seed=n) for n, (_, o) in enumerate(pairs)]
    x = normal(rows, widths[0], seed=9)
    expected = tt.Tensor(x)
    for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
        expected = _core.ops.linear(expected, tt.Tensor(w), tt.Tensor(b))
        if n + 1 < len(weights):
            expected = _core.ops.relu(expected)
    session = MlpSession(weights, biases)
    np.testing.assert_array_equal(session(x), expected.data)
    if rows:
        np.testing.assert_array_equal(session(x[-1]), expected.data[-1])


def test_layers_may_be_slices_of_one_array() -> None:
    weights, biases, x = normal(3, 6, 6), normal(3, 6), normal(4, 6, seed=1)
    whole, apart = MlpSession(weights, biases), MlpSession(list(weights), list(biases))
    np.testing.assert_array_equal(whole(x), apart(x))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_sessions_refuse_to_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"cannot pickle or copy 'tinytorch\._core.*LinearSession'"):
        pickle.dumps(LinearSession(normal(2, 2)), protocol)


def test_integer_products_are_exact() -> None:
    rng = np.random.default_rng(3)
    for m, k, n in ((1, 1, 1), (5, 130, 33), (40, 64, 70), (0, 3, 2)):
        a = rng.integers(-127, 128, (m, k), dtype=np.int8)
        b = rng.integers(-127, 128, (k, n), dtype=np.int8)
        sums = Int8Matmul(b)(a)
        assert sums.dtype == np.int32
        np.testing.assert_array_equal(sums, a.astype(np.int64) @ b.astype(np.int64))


def test_a_call_allocates_nothing_but_its_result() -> None:
    session = MlpSession([normal(784, 128), normal(128, 10)], [normal(128), normal(10)])
    x = tt.Tensor(normal(64, 784))
    session(x)
    before = _core.memory_stats()["allocations"]
    for _ in range(10):
        session(x)
    assert _core.memory_stats()["allocations"] - before <= 10


def test_refusals() -> None:
    w, b = normal(5, 7), normal(5)
    with pytest.raises(ValueError, match="Inner dimensions must match"):
        LinearSession(w)(normal(3, 6))
    with pytest.raises(ValueError, match=r"bias of shape \(5,\)"):
        LinearSession(w, normal(4))
    with pytest.raises(ValueError, match=r"shape \(out, in\)"):
        LinearSession(normal(5))
    with pytest.raises(ValueError, match="unknown precision"):
        LinearSession(w, b, precision="int2")
    with pytest.raises(ValueError, match="weight 1 must have shape"):
        MlpSession([normal(3, 4), normal(5, 2)], [normal(4), normal(2)])
    with pytest.raises(ValueError, match="a bias for each weight"):
        MlpSession([normal(3, 4)], [])
    with pytest.raises(ValueError, match="bias 0 must have shape"):
        MlpSession([normal(3, 4)], [normal(3)])
    with pytest.raises(TypeError, match="int8 matrix"):
        Int8Matmul(normal(3, 4))
    with pytest.raises(ValueError, match="-128"):
        Int8Matmul(np.full((2, 2), -128, np.int8))
    with pytest.raises(ValueError, match="Inner dimensions must match"):
        Int8Matmul(np.zeros((2, 3), np.int8))(np.zeros((2, 3), np.int8))
