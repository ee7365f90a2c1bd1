"""Element types: promotion, conversion, half-precision round trips, integers against NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch import engine

F = engine.ops
TYPES = ["float64", "float32", "bfloat16", "float16", "int64", "int32", "int8", "uint8", "bool"]
INTEGERS = ["int64", "int32", "int8", "uint8"]

# docs/guide/dtypes.md: the result of an operation between two element types.
PROMOTION = {
    ("float64", "float32"): "float64",
    ("float64", "bfloat16"): "float64",
    ("float64", "float16"): "float64",
    ("float32", "bfloat16"): "float32",
    ("float32", "float16"): "float32",
    ("bfloat16", "float16"): "float32",
    ("int64", "int32"): "int64",
    ("int64", "int8"): "int64",
    ("int64", "uint8"): "int64",
    ("int32", "int8"): "int32",
    ("int32", "uint8"): "int32",
    ("int8", "uint8"): "int32",
}


def promoted(a: str, b: str) -> str:
    if a == b:
        return a
    for real, other in ((a, b), (b, a)):
        if other == "bool" or ("float" in real and "float" not in other):
            return real
    return PROMOTION.get((a, b)) or PROMOTION[(b, a)]


def sample(kind: str) -> engine.Tensor:
    return engine.tensor([1, 0, 1], kind)


@pytest.mark.parametrize("a", TYPES)
@pytest.mark.parametrize("b", TYPES)
def test_promotion(a: str, b: str) -> None:
    expected = promoted(a, b)
    x, y = sample(a), sample(b)
    for join in (F.concat([x, y]), F.stack([x, y]), F.where(sample("bool"), x, y)):
        assert str(join.dtype) == expected
    arithmetic = "int64" if expected == "bool" else expected  # truth values count as integers
    assert str(F.mul(x, y).dtype) == str(F.add(y, x).dtype) == arithmetic
    both_integers = "float" not in a and "float" not in b
    assert str(F.div(x, y).dtype) == ("float32" if both_integers else expected)
    assert str(F.lt(x, y).dtype) == "bool"


@pytest.mark.parametrize("kind", TYPES)
def test_numbers_and_arrays_take_the_type_of_the_tensor(kind: str) -> None:
    x = sample(kind)
    expected = kind if "float" in kind else "float32"
    for other in (1.5, 2, np.float64(1.5), [1, 2, 3], np.arange(3)):
        assert str((x * other).dtype) == expected
        assert str((other * x).dtype) == expected


@pytest.mark.parametrize("source", [t for t in TYPES if t != "bfloat16"])
@pytest.mark.parametrize("target", [t for t in TYPES if t != "bfloat16"])
def test_conversion_is_numpys(source: str, target: str) -> None:
    values = np.array([0, 1, 2, 100, 127]).astype(source)
    got = F.astype(engine.tensor(values, source), target).data
    np.testing.assert_array_equal(got, values.astype(target))
    assert got.dtype == target


def test_float_to_integer_truncates_and_never_traps() -> None:
    x = engine.tensor([1.9, -1.9, 1e30, -1e30, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(F.astype(x, "int64").data[:2], [1, -1])
    for kind in INTEGERS:
        assert F.astype(x, kind).data.shape == (7,)
    assert F.astype(x, "bool").data.all()


ALL_HALVES = np.arange(65536, dtype=np.uint16)


def test_every_float16_survives_the_round_trip() -> None:
    halves = ALL_HALVES.view(np.float16)
    t = engine.tensor(halves, "float16")
    wide = F.astype(t, "float32").data
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    back = F.astype(engine.tensor(wide), "float16").data
    numbers = ~np.isnan(halves)
    np.testing.assert_array_equal(back[numbers].view(np.uint16), ALL_HALVES[numbers])
    assert np.isnan(back[~numbers]).all()


def test_every_bfloat16_survives_the_round_trip() -> None:
    wide = (ALL_HALVES.astype(np.uint32) << 16).view(np.float32)
    back = F.astype(F.astype(engine.tensor(wide), "bfloat16"), "float32").data
    numbers = ~np.isnan(wide)
    np.testing.assert_array_equal(back[numbers].view(np.uint32), wide[numbers].view(np.uint32))
    assert np.isnan(back[~numbers]).all()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_halves_round_to_nearest_even(values: list[float]) -> None:
    x = np.array(values, np.float32)
    with np.errstate(over="ignore"):
        want16 = x.astype(np.float16)
    np.testing.assert_array_equal(F.astype(engine.tensor(x), "float16").data, want16)
    bits = x.view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    got = F.astype(F.astype(engine.tensor(x), "bfloat16"), "float32").data
    np.testing.assert_array_equal(got, rounded)


# ---- integers ------------------------------------------------------------------------------------


def numbers(kind: str) -> st.SearchStrategy[np.ndarray]:
    info = np.iinfo(kind)
    edge = st.sampled_from([info.min, info.max, 0, 1, 3])
    return st.lists(edge | st.integers(info.min, info.max), min_size=4, max_size=4).map(
        lambda v: np.array(v, kind)
    )


@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"]
)
def test_integer_arithmetic_wraps_like_numpys(kind: str, name: str) -> None:
    numpy_names = {
        "sub": "subtract", "mul": "multiply", "eq": "equal", "ne": "not_equal",
        "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }  # fmt: skip
    numpy_name = numpy_names.get(name, name)

    @given(numbers(kind), numbers(kind))
    def check(a: np.ndarray, b: np.ndarray) -> None:
        with np.errstate(over="ignore"):
            want = getattr(np, numpy_name)(a, b)
        got = getattr(F, name)(engine.tensor(a, kind), engine.tensor(b, kind)).data
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)

    check()


@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (F.neg, lambda x: (0 - x.astype(np.int64)).astype(x.dtype)),
        (F.abs, np.abs),
        (F.sign, np.sign),
        (F.square, np.square),
        (F.relu, lambda x: np.maximum(x, 0)),
        (lambda x: F.clip(x, 1, 100), lambda x: np.clip(x, 1, 100)),
        (lambda x: F.pow(x, engine.tensor(2, x.dtype)), lambda x: x * x),
        (F.max, np.max),
        (F.min, np.min),
        (F.argmax, np.argmax),
        (F.argmin, np.argmin),
        (lambda x: F.flip(x, 0), lambda x: x[::-1]),
        (lambda x: F.pad(x, [(1, 0)], 3), lambda x: np.pad(x, (1, 0), constant_values=3)),
    ],
)
def test_integer_functions_are_exact(kind: str, ours: Callable, numpys: Callable) -> None:
    @given(numbers(kind))
    def check(x: np.ndarray) -> None:
        with np.errstate(over="ignore"):
            want = np.asarray(numpys(x))
        got = ours(engine.tensor(x, kind)).data
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)

    check()


@pytest.mark.parametrize("kind", INTEGERS)
def test_integer_sums_are_int64(kind: str) -> None:
    @given(numbers(kind))
    def check(x: np.ndarray) -> None:
        t = engine.tensor(x, kind)
        for ours, numpys in ((F.sum, np.sum), (F.prod, np.prod)):
            got = ours(t).data
            assert got.dtype == np.int64
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(got, numpys(x.astype(np.int64)))
        np.testing.assert_array_equal(F.cumsum(t, 0).data, np.cumsum(x.astype(np.int64)))

    check()


def test_large_integers_keep_their_last_digit() -> None:
    big = 2**53 + 1  # not a float64
    x = engine.tensor([big, big - 1], "int64")
    assert F.max(x).data.item() == big
    assert F.argmax(x).data.item() == 0
    assert F.argmin(x).data.item() == 1
    assert (x - engine.tensor(1, "int64")).data[0] == big - 1
    added = F.scatter_add(x, 0, engine.tensor([0], "int64"), engine.tensor([2], "int64"))
    assert added.data[0] == big + 2
    assert added.dtype == np.int64


def test_truth_values_count() -> None:
    x = engine.tensor([True, True, False], "bool")
    assert F.sum(x).data.item() == 2
    np.testing.assert_array_equal((x + x).data, [2, 2, 0])
    np.testing.assert_array_equal(F.mean(engine.tensor([True, False], "bool")).data, 0.5)


def test_unknown_types_are_refused() -> None:
    for kind in ("int16", "complex64", "float8", "object", "U3"):
        with pytest.raises((TypeError, ValueError)):
            F.astype(engine.tensor([1.0]), kind)
