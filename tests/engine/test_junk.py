"""No input crashes: random junk to every operator, in this process. A crash ends the test run.

Only Python exceptions that a user can act on are accepted; anything else (a C++ exception without a
translation, a system error) fails. Tensors are small and sizes small or impossible, never merely
large; test_huge.py has the large ones. TINYTORCH_TEST_PROFILE=slow draws many more examples.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinytorch import Tensor, _core, engine

REGISTRY = _core.operator_registry()


class Refusal(Exception):
    """What an object of the user's raises comes out as it is."""


ACCEPTED = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, MemoryError, KeyError,
            AttributeError, NotImplementedError, Refusal)  # fmt: skip


class Broken(Tensor):
    def __init__(self) -> None:
        pass


class Hostile:
    """Answers every question wrongly."""

    shape = (2, -1)
    dtype = "float32"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, key: Any) -> Any:
        raise Refusal

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refusal

    def __index__(self) -> int:
        raise Refusal


SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 5]), max_size=5).map(tuple)
NUMBERS = st.sampled_from(
    [0, 1, 2, -1, -7, 3, 0.5, -0.0, 1e300, float("nan"), float("inf"), float("-inf"), True,
     2**50, 2**62, -(2**62), 2**63 - 1, -(2**63), 2**63, 2**70, -(2**70), 1j,
     np.int8(-3), np.float16(2)]
)  # fmt: skip
OFTEN = settings(max_examples=4 * settings().max_examples)
KINDS = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]
SPECIAL = np.array([np.nan, np.inf, -np.inf, 3.4e38, -1e-45, -0.0, 2.0, 1e10])


@st.composite
def tensors(draw: Callable) -> Tensor:
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = rng.normal(size=shape) * draw(st.sampled_from([1, 3, 1e3]))
    if draw(st.integers(0, 2)) == 0 and "float" in kind:
        values = rng.choice(SPECIAL, shape)
    with np.errstate(all="ignore"):
        t = engine.tensor(values if "float" in kind else values.astype(np.int8), kind)
    if "float" in kind and draw(st.booleans()):
        t.requires_grad = True
    if draw(st.integers(0, 3)) == 0 and len(shape) > 1:
        t = engine.ops.transpose(t, 0, len(shape) - 1)
    if draw(st.integers(0, 3)) == 0:
        t = engine.ops.expand(t, (draw(st.integers(0, 3)), *t.shape))
    return t


SIZES = st.lists(NUMBERS | st.integers(-3, 6), max_size=4)
JUNK = st.one_of(
    st.none(),
    NUMBERS,
    st.text(max_size=4),
    st.sampled_from(["ij,jk->ik", "i,i", "...,ab", "ij->j", "->", "float32",
                     "int8", "ii,ij->j", "é,é"]),
    st.binary(max_size=4),
    SIZES,
    SIZES.map(tuple),
    st.lists(st.tuples(st.integers(-3, 3) | NUMBERS, st.integers(-3, 3)), max_size=4),
    st.builds(slice, NUMBERS, NUMBERS, NUMBERS),
    st.builds(Broken),
    st.builds(Hostile),
    st.builds(object),
    st.just(Ellipsis),
    st.builds(dict),
    st.builds(set),
    SHAPES.map(lambda s: np.zeros(s, np.float32)),
    SHAPES.map(lambda s: np.ones(s, np.int64)),
    SHAPES.map(lambda s: np.ones(s, bool)),
    st.sampled_from([np.zeros(2, "U3"), np.array([None, 1]), np.zeros(2, np.complex64),
                     np.zeros(2, "M8[s]"),
                     np.zeros(3, [("a", "f4")]), np.zeros(2, np.uint16), np.zeros((1,) * 30)]),
    st.builds(engine.Generator),
)  # fmt: skip
LISTS = st.lists(tensors() | JUNK, max_size=3)
ANYTHING = st.one_of(tensors(), tensors(), tensors(), JUNK, LISTS)


def provoke(call: Callable[[], Any]) -> None:
    """Runs the call, looks at the results, and runs backward through them."""
    try:
        made = call()
        for out in made if isinstance(made, (list, tuple)) else [made]:
            if isinstance(out, Tensor) and out.size < 10_000:
                out.shape, out.dtype, repr(out) if out.dtype != "bfloat16" else None
                if out.requires_grad:
                    out.backward(np.ones(out.shape))
    except ACCEPTED:
        pass


def words(name: str) -> list[str]:
    return [w.split("=")[0].strip() for w in REGISTRY[name]["signature"].split(",")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REGISTRY)
def test_junk(name: str) -> None:
    operator, names = getattr(_core.ops, name), words(name)

    @given(
        st.lists(ANYTHING, max_size=len(names) + 1),
        st.dictionaries(st.sampled_from([*names, "extra"]), ANYTHING, max_size=2),
    )
    def check(args: list[Any], options: dict[str, Any]) -> None:
        provoke(lambda: operator(*args, **options))

    check()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REGISTRY)
def test_plausible_junk(name: str) -> None:
    """Tensors where tensors belong, small integers where sizes do: past the argument checks."""
    operator, names = getattr(_core.ops, name), words(name)
    numbers = st.integers(-3, 5) | st.tuples(st.integers(-2, 4), st.integers(-2, 4)) | NUMBERS
    options = {
        "axis", "keepdims", "correction", "dim0", "dim1", "stride", "padding", "dilation", "groups",
        "kernel_size", "output_size", "label_smoothing", "eps", "p", "causal", "scale", "training",
        "momentum", "shape", "size_or_sections", "value", "negative_slope", "alpha", "min",
        "max", "axes",
    }  # fmt: skip
    kinds = {
        "equation": st.sampled_from(
            ["ij,jk->ik", "i,i->", "abc,c->ba", "ij,ij->", ",a->a", "ab,cd->adcb"]
        ),
        "tensors": st.lists(tensors(), max_size=3),
        "dtype": st.sampled_from(KINDS),
        "widths": st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=4),
        "running_mean": SHAPES.map(lambda s: np.ones(s, np.float32)),
        "running_var": SHAPES.map(lambda s: np.ones(s, np.float32)),
        "generator": st.none(),
        "key": JUNK,
    }
    drawn = [numbers if w in options else kinds.get(w, tensors()) for w in names]

    @OFTEN
    @given(st.tuples(*drawn))
    def check(args: tuple[Any, ...]) -> None:
        provoke(lambda: operator(*args))

    check()


METHODS = [
    name
    for name, member in inspect.getmembers(Tensor, callable)
    if name not in {"__class__", "__subclasshook__", "__init_subclass__", "__new__", "__dir__",
                    "mro", "__getattribute__", "__delattr__", "__sizeof__", "__getstate__"}
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str) -> None:
    @OFTEN
    @given(tensors(), st.lists(ANYTHING, max_size=2))
    def check(t: Tensor, args: list[Any]) -> None:
        provoke(lambda: getattr(t, name)(*args))

    check()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["data", "grad", "_grad_fn", "requires_grad", "shape", "size", "dtype", "T"]
)
def test_attributes(name: str) -> None:
    @OFTEN
    @given(tensors(), ANYTHING)
    def check(t: Tensor, value: Any) -> None:
        def use() -> Any:
            setattr(t, name, value)
            getattr(t, name)
            return t * 2

        provoke(use)

    check()


FUNCTIONS: list[tuple[str, Any]] = [
    (name, getattr(engine, name)) for name in engine.__all__ if callable(getattr(engine, name))
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_engine_functions(name: str, function: Callable) -> None:
    threads = engine.num_threads()

    @OFTEN
    @given(st.lists(ANYTHING, max_size=3))
    @example([])
    def check(args: list[Any]) -> None:
        provoke(lambda: function(*args))

    try:
        check()
    finally:
        engine.set_num_threads(threads)


@pytest.mark.parametrize("name", ["uniform", "normal", "permutation", "below", "manual_seed"])
def test_generators(name: str) -> None:
    @given(st.lists(JUNK, max_size=3))
    @example([2**50])
    @example([-1])
    @example([(2, -3)])
    def check(args: list[Any]) -> None:
        provoke(lambda: getattr(engine.Generator(0), name)(*args))

    check()
