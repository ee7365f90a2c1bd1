"""Operators that move values: reshape, transpose, concat, pad, indexing, gather, embedding..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import Case, axes_of, integers, layouts, masks, shapes, values
from .row import Row, largest


@st.composite
def reshape_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    sides = [s for s in x.shape if s != 1]
    shape = list(draw(st.permutations(sides)))
    if len(shape) > 1 and draw(st.booleans()):
        shape = [shape[0] * shape[1], *shape[2:]]
    if draw(st.booleans()):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    if shape and x.size and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return Case((x,), {"shape": tuple(shape)}, draw(layouts(1)))


@st.composite
def transpose_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(min_dims=1, smooth=smooth)), smooth=smooth))
    dim = st.integers(-x.ndim, x.ndim - 1)
    return Case((x,), {"dim0": draw(dim), "dim1": draw(dim)}, draw(layouts(1)))


@st.composite
def permute_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    axes = [draw(st.sampled_from([d, d - x.ndim])) for d in range(x.ndim)]
    return Case((x,), {"axes": tuple(draw(st.permutations(axes)))}, draw(layouts(1)))


@st.composite
def expand_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(max_dims=2, smooth=smooth)), smooth=smooth))
    grown = [draw(st.sampled_from([3, 1, 0])) if s == 1 else s for s in x.shape]
    shape = [
        draw(st.sampled_from([-1, s])) if s == old else s
        for s, old in zip(grown, x.shape, strict=True)
    ]
    front = draw(st.sampled_from([[], [2], [1, 3]]))
    return Case((x,), {"shape": tuple(front + shape)}, draw(layouts(1)))


def numpy_expand(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    extra = len(shape) - x.ndim
    full = [x.shape[d - extra] if s == -1 else s for d, s in enumerate(shape)]
    return np.broadcast_to(x, full)


@st.composite
def squeeze_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1)) if x.ndim else None
    return Case((x,), {"axis": axis}, draw(layouts(1)))


def numpy_squeeze(x: np.ndarray, axis: int | None) -> np.ndarray:
    return x if axis is not None and x.shape[axis] != 1 else np.squeeze(x, axis)


@st.composite
def unsqueeze_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    return Case((x,), {"axis": draw(st.integers(-x.ndim - 1, x.ndim))}, draw(layouts(1)))


@st.composite
def flip_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    return Case((x,), {"axis": draw(axes_of(x.ndim, allow_none=False))}, draw(layouts(1)))


def as_tuple(axis: Any) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


@st.composite
def concat_cases(draw: Callable, smooth: bool) -> Case:
    shape = draw(shapes(min_dims=1, smooth=smooth))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    count = draw(st.integers(1, 3))
    arrays = []
    for i in range(count):
        own = list(shape)
        own[axis] = draw(st.integers(0, 4))
        arrays.append(draw(values(tuple(own), smooth=smooth, slot=i)))
    return Case((*arrays, *[None] * (3 - count)), {"axis": axis}, draw(layouts(3)))


@st.composite
def stack_cases(draw: Callable, smooth: bool) -> Case:
    shape = draw(shapes(max_dims=2, smooth=smooth))
    count = draw(st.integers(1, 3))
    arrays = [draw(values(shape, smooth=smooth, slot=i)) for i in range(count)]
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return Case((*arrays, *[None] * (3 - count)), {"axis": axis}, draw(layouts(3)))


def present(arrays: Any) -> list[Any]:
    return [a for a in arrays if a is not None]


@st.composite
def split_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(min_dims=1, smooth=smooth)), smooth=smooth))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    n = x.shape[axis]
    size: Any = draw(st.integers(1, 3))
    if draw(st.booleans()):
        first = draw(st.integers(0, n))
        size = [first, n - first]
    return Case((x,), {"size_or_sections": size, "axis": axis}, draw(layouts(1)))


def numpy_split(x: np.ndarray, size_or_sections: Any, axis: int) -> list[np.ndarray]:
    if isinstance(size_or_sections, int):
        cuts = np.arange(size_or_sections, x.shape[axis], size_or_sections)
    else:
        cuts = np.cumsum(size_or_sections)[:-1]
    return np.split(x, cuts, axis)


@st.composite
def pad_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    widths = []
    for side in x.shape:
        before = draw(st.integers(-min(side, 1), 2))
        widths.append((before, draw(st.integers(-min(side + min(before, 0), 1), 2))))
    return Case(
        (x,), {"widths": widths, "value": draw(st.sampled_from([0.0, -1.5]))}, draw(layouts(1))
    )


def numpy_pad(x: np.ndarray, widths: Any, value: float) -> np.ndarray:
    inner = tuple(
        slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(widths, x.shape, strict=True)
    )
    grown = [(max(b, 0), max(a, 0)) for b, a in widths]
    return np.pad(x[inner], grown, constant_values=value) if x.ndim else x


def torch_pad(t: Any, x: Any, widths: Any, value: float) -> Any:
    flat = [w for pair in reversed(widths) for w in pair]
    return t.nn.functional.pad(x, flat, value=value) if flat else x * 1


@st.composite
def index_cases(draw: Callable, smooth: bool) -> Case:
    """Keys that PyTorch takes too; tests/engine/test_indexing.py draws any that NumPy does."""
    x = draw(values(draw(shapes(min_dims=1, min_side=1, smooth=smooth)), smooth=smooth))
    n = x.shape[0]
    keys = [
        draw(st.integers(-n, n - 1)),
        slice(draw(st.integers(-n, n)), None, draw(st.integers(1, 2))),
        (..., None, draw(st.integers(-x.shape[-1], x.shape[-1] - 1))),
        draw(integers((draw(st.integers(0, 3)), 2), -n, n)),
        (draw(integers((4,), 0, n)), ...),
        draw(masks((n,))),
        draw(masks(x.shape)),
    ]
    return Case((x,), {"key": draw(st.sampled_from(keys))}, draw(layouts(1)))


def torch_key(t: Any, key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(torch_key(t, k) for k in key)
    return t.from_numpy(key) if isinstance(key, np.ndarray) else key


@st.composite
def gather_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(min_dims=1, min_side=1, smooth=smooth)), smooth=smooth))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    shape = [draw(st.integers(0, s)) for s in x.shape]
    shape[axis] = draw(st.integers(0, 4))
    at = draw(integers(tuple(shape), 0, x.shape[axis]))
    return Case((x, at), {"axis": axis}, draw(layouts(2)))


def numpy_gather(x: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    places = list(np.indices(at.shape))
    places[axis] = at
    return x[tuple(places)]


@st.composite
def scatter_cases(draw: Callable, smooth: bool) -> Case:
    case = draw(gather_cases(smooth))
    x, at = case.arrays
    shape = tuple(s + draw(st.integers(0, 1)) for s in at.shape)
    source = draw(values(shape, smooth=smooth, slot=1))
    return Case((x, at, source), case.options, draw(layouts(3)))


def numpy_scatter(x: np.ndarray, at: np.ndarray, source: np.ndarray, axis: int) -> np.ndarray:
    out = x.copy()
    places = list(np.indices(at.shape))
    places[axis] = at
    np.add.at(out, tuple(places), source[tuple(slice(0, s) for s in at.shape)])
    return out


@st.composite
def embedding_cases(draw: Callable, smooth: bool) -> Case:
    rows, width = draw(st.integers(1, 5)), draw(st.sampled_from([3, 1, 17, 0]))
    weight = draw(values((rows, min(width, 3) if smooth else width), smooth=smooth))
    at = draw(integers(draw(st.sampled_from([(), (4,), (2, 3), (0,), (40,)])), 0, rows))
    return Case((weight, at), {}, draw(layouts(2)))


MOVED = {"ulps": 1.0, "grad_ulps": 4.0}  # values are copied; gradients may be added up

ROWS = [
    Row(
        "reshape",
        reshape_cases,
        lambda x, shape: x.reshape(shape),
        lambda t, x, shape: x.reshape(shape),
        **MOVED,
    ),
    Row(
        "transpose",
        transpose_cases,
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        lambda t, x, dim0, dim1: x.transpose(dim0, dim1),
        **MOVED,
    ),
    Row(
        "permute",
        permute_cases,
        lambda x, axes: np.transpose(x, axes),
        lambda t, x, axes: x.permute(axes),
        **MOVED,
    ),
    Row("expand", expand_cases, numpy_expand, lambda t, x, shape: x.expand(shape), **MOVED),
    Row(
        "squeeze",
        squeeze_cases,
        numpy_squeeze,
        lambda t, x, axis: x.squeeze() if axis is None else x.squeeze(axis),
        **MOVED,
    ),
    Row(
        "unsqueeze",
        unsqueeze_cases,
        np.expand_dims,
        lambda t, x, axis: x.unsqueeze(axis),
        **MOVED,
    ),
    Row(
        "flip",
        flip_cases,
        lambda x, axis: np.flip(x, as_tuple(axis)),
        lambda t, x, axis: x.flip(as_tuple(axis)),
        **MOVED,
    ),
    Row(
        "concat",
        concat_cases,
        lambda *arrays, axis: np.concatenate(present(arrays), axis),
        lambda t, *tensors, axis: t.cat(present(tensors), axis),
        ours=lambda ops, *tensors, axis: ops.concat(present(tensors), axis),
        gradients=(0, 1, 2),
        **MOVED,
    ),
    Row(
        "stack",
        stack_cases,
        lambda *arrays, axis: np.stack(present(arrays), axis),
        lambda t, *tensors, axis: t.stack(present(tensors), axis),
        ours=lambda ops, *tensors, axis: ops.stack(present(tensors), axis),
        gradients=(0, 1, 2),
        **MOVED,
    ),
    Row(
        "split",
        split_cases,
        numpy_split,
        lambda t, x, size_or_sections, axis: t.split(x, size_or_sections, axis),
        **MOVED,
    ),
    Row("pad", pad_cases, numpy_pad, torch_pad, **MOVED),
    Row(
        "index",
        index_cases,
        lambda x, key: x[key],
        lambda t, x, key: x[torch_key(t, key)],
        **MOVED,
    ),
    Row(
        "gather",
        gather_cases,
        numpy_gather,
        lambda t, x, at, axis: x.gather(axis, at),
        ours=lambda ops, x, at, axis: ops.gather(x, axis, at),
        **MOVED,
    ),
    Row(
        "scatter_add",
        scatter_cases,
        numpy_scatter,
        lambda t, x, at, source, axis: x.scatter_add(axis, at, source),
        ours=lambda ops, x, at, source, axis: ops.scatter_add(x, axis, at, source),
        gradients=(0, 2),
        # PyTorch's gradient refuses a source that reaches beyond the index, which it takes forward.
        torch_ok=lambda c: c.arrays[1].shape == c.arrays[2].shape,
        terms=lambda c: 1 + c.arrays[1].size,
        magnitude=largest,
    ),
    Row(
        "embedding",
        embedding_cases,
        lambda weight, at: weight[at],
        lambda t, weight, at: t.nn.functional.embedding(at, weight),
        **MOVED,
    ),
]
