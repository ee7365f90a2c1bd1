"""Convolution and pooling of images (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import Case, Domain, layouts, values
from .row import Row, largest

SMALL = Domain(-1.0, 1.0)


def pair(low: int, high: int) -> st.SearchStrategy[Any]:
    """An int for both directions, or (height, width)."""
    number = st.integers(low, high)
    return number | st.tuples(number, number)


def two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


@st.composite
def conv_cases(draw: Callable, smooth: bool) -> Case:
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    per_group = draw(st.integers(1, 2))
    outputs = groups * draw(st.integers(1, 2))
    # What the kernels for vectors of channels take: one group, or as many as channels.
    vectors = "" if smooth else draw(st.sampled_from(["", "", "one", "each"]))
    if vectors == "one":
        groups, per_group = 1, draw(st.sampled_from([1, 3, 8, 16, 32]))
        outputs = draw(st.sampled_from([16, 24, 48]))
    elif vectors == "each":
        groups = outputs = draw(st.sampled_from([16, 48]))
        per_group = 1
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    side = st.integers(1, 4) if smooth else st.sampled_from([1, 3, 4, 7, 12, 0])
    batch = draw(st.integers(0, 2) if smooth else st.sampled_from([1, 2, 0, 9]))
    arrays = (
        draw(values((batch, groups * per_group, draw(side), draw(side)), SMALL, smooth)),
        draw(values((outputs, per_group, *kernel), SMALL, smooth, slot=1)),
        draw(values((outputs,), SMALL, smooth, slot=2)) if draw(st.booleans()) else None,
    )
    options = {
        "stride": draw(pair(1, 3)),
        "padding": draw(pair(0, 2)),
        "dilation": draw(pair(1, 2)),
        "groups": groups,
    }
    return Case(arrays, options, draw(layouts(3)))


def out_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return 0 if room < 0 else room // stride + 1


def conv_has_output(case: Case) -> bool:
    """PyTorch refuses an image smaller than the kernel or without pixels; we give an empty result,
    or what padding gives."""
    x, w, _ = case.arrays
    o = case.options
    return 0 not in x.shape[2:] and all(
        out_size(x.shape[2 + d], w.shape[2 + d], two(o["stride"])[d], two(o["padding"])[d],
                 two(o["dilation"])[d]) > 0
        for d in range(2)
    )  # fmt: skip


def numpy_conv2d(
    x: np.ndarray, w: np.ndarray, b: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> np.ndarray:
    (sh, sw), (ph, pw), (dh, dw) = two(stride), two(padding), two(dilation)
    kh, kw = w.shape[2:]
    h, v = out_size(x.shape[2], kh, sh, ph, dh), out_size(x.shape[3], kw, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    out = np.zeros((len(x), len(w), h, v))
    each_in, each_out = w.shape[1], len(w) // groups
    for g in range(groups):
        image = padded[:, g * each_in : (g + 1) * each_in]
        kernel = w[g * each_out : (g + 1) * each_out]
        for i, j in np.ndindex(h, v):
            top, left = i * sh, j * sw
            window = image[
                :, :, top : top + (kh - 1) * dh + 1 : dh, left : left + (kw - 1) * dw + 1 : dw
            ]
            out[:, g * each_out : (g + 1) * each_out, i, j] = np.tensordot(
                window, kernel, ([1, 2, 3],) * 2
            )
    return out if b is None else out + b[:, None, None]


@st.composite
def pool_cases(draw: Callable, smooth: bool) -> Case:
    halving = draw(st.booleans())  # windows of 2 x 2 side by side have ways of their own
    side = st.integers(1, 4) if smooth else st.sampled_from([1, 3, 4, 7, 12, 0])
    side = st.integers(2, 4) if halving else side
    channels = draw(st.integers(1, 3) if smooth else st.sampled_from([1, 2, 3, 21]))
    x = draw(values((draw(st.integers(0, 2)), channels, draw(side), draw(side)), smooth=smooth))
    if halving:
        return Case((x,), {"kernel_size": 2, "stride": None, "padding": 0}, ("channels last",))
    kernel = draw(pair(1, 3))
    options = {
        "kernel_size": kernel,
        "stride": draw(st.none() | pair(1, 3)),
        "padding": draw(st.just(0) | st.just(tuple(k // 2 for k in two(kernel)))),
    }
    return Case((x,), options, draw(layouts(1)))


def pool_has_output(case: Case) -> bool:
    o = case.options
    kernel, stride, padding = (
        two(o["kernel_size"]),
        two(o["stride"] or o["kernel_size"]),
        two(o["padding"]),
    )
    shape = case.arrays[0].shape[2:]
    return 0 not in shape and all(
        out_size(shape[d], kernel[d], stride[d], padding[d]) > 0 for d in range(2)
    )


def windows(x: np.ndarray, kernel: Any, stride: Any, padding: Any, fill: float) -> Iterator[Any]:
    (kh, kw), (sh, sw), (ph, pw) = two(kernel), two(stride or kernel), two(padding)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    h, w = out_size(x.shape[2], kh, sh, ph), out_size(x.shape[3], kw, sw, pw)
    yield (*x.shape[:2], h, w)
    for i, j in np.ndindex(h, w):
        yield (i, j), padded[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw]


def pooled(found: Iterator[Any], reduce: Callable) -> np.ndarray:
    out = np.zeros(next(found))
    for (i, j), window in found:
        out[:, :, i, j] = reduce(window)
    return out


def numpy_max_pool(x: np.ndarray, kernel_size: Any, stride: Any, padding: Any) -> np.ndarray:
    return pooled(windows(x, kernel_size, stride, padding, -np.inf), lambda w: w.max((2, 3)))


def numpy_avg_pool(x: np.ndarray, kernel_size: Any, stride: Any, padding: Any) -> np.ndarray:
    return pooled(windows(x, kernel_size, stride, padding, 0.0), lambda w: w.mean((2, 3)))


@st.composite
def adaptive_cases(draw: Callable, smooth: bool) -> Case:
    side = st.integers(1, 4) if smooth else st.sampled_from([1, 3, 4, 7, 12])
    x = draw(
        values(
            (draw(st.integers(0, 2)), draw(st.integers(1, 3)), draw(side), draw(side)),
            smooth=smooth,
        )
    )
    return Case((x,), {"output_size": draw(pair(1, 5))}, draw(layouts(1)))


def adaptive_windows(x: np.ndarray, output_size: Any) -> Iterator[Any]:
    (h, w), (rows, cols) = two(output_size), x.shape[2:]
    yield (*x.shape[:2], h, w)
    for i, j in np.ndindex(h, w):
        top, bottom = i * rows // h, -(-(i + 1) * rows // h)
        left, right = j * cols // w, -(-(j + 1) * cols // w)
        yield (i, j), x[:, :, top:bottom, left:right]


def conv_terms(case: Case) -> int:
    return int(np.prod(case.arrays[1].shape[1:])) + 1


def area(case: Case) -> int:
    return max(int(np.prod(case.arrays[0].shape[2:])), 1)


ROWS = [
    Row(
        "conv2d",
        conv_cases,
        numpy_conv2d,
        lambda t, x, w, b, **options: t.nn.functional.conv2d(x, w, b, **options),
        gradients=(0, 1, 2),
        terms=conv_terms,
        magnitude=lambda c: largest(c) ** 2,
        grad_ulps=16,
        torch_ok=conv_has_output,
    ),
    Row(
        "max_pool2d",
        pool_cases,
        numpy_max_pool,
        lambda t, x, **options: t.nn.functional.max_pool2d(x, **options),
        torch_ok=pool_has_output,
    ),
    Row(
        "avg_pool2d",
        pool_cases,
        numpy_avg_pool,
        lambda t, x, **options: t.nn.functional.avg_pool2d(x, **options),
        terms=area,
        magnitude=largest,
        torch_ok=pool_has_output,
    ),
    Row(
        "adaptive_avg_pool2d",
        adaptive_cases,
        lambda x, output_size: pooled(adaptive_windows(x, output_size), lambda w: w.mean((2, 3))),
        lambda t, x, output_size: t.nn.functional.adaptive_avg_pool2d(x, output_size),
        terms=area,
        magnitude=largest,
    ),
    Row(
        "adaptive_max_pool2d",
        adaptive_cases,
        lambda x, output_size: pooled(adaptive_windows(x, output_size), lambda w: w.max((2, 3))),
        lambda t, x, output_size: t.nn.functional.adaptive_max_pool2d(x, output_size),
    ),
]
