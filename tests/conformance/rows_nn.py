"""Softmax, dropout, normalisations, attention and losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import REAL, Case, Domain, broadcast_shapes, integers, layouts, masks, shapes, values
from .row import Row, largest

PROBABILITY = Domain(0.02, 0.98, ties=False)
LOGITS = Domain(-20.0, 20.0)


# ---- softmax -----------------------------------------------------------------------------------


@st.composite
def axis_cases(draw: Callable, smooth: bool) -> Case:
    shape = draw(shapes(smooth=smooth))
    axis = draw(st.integers(-max(len(shape), 1), max(len(shape), 1) - 1))
    x = draw(values(shape, REAL if smooth else LOGITS, smooth))
    return Case((x,), {"axis": axis}, draw(layouts(1)))


def axis_length(case: Case) -> int:
    x = case.arrays[0]
    return max(x.shape[case.options["axis"]], 1) if x.ndim else 1


def numpy_log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    if x.ndim == 0:
        return np.zeros(())
    if x.size == 0:
        return x
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


# ---- dropout -----------------------------------------------------------------------------------


@st.composite
def dropout_cases(draw: Callable, smooth: bool) -> Case:
    x = draw(values(draw(shapes(smooth=smooth)), smooth=smooth))
    options = {
        "p": draw(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])),
        "seed": draw(st.integers(0, 99)),
    }
    return Case((x,), options, draw(layouts(1)))


def kept(shape: tuple[int, ...], p: float, seed: int) -> np.ndarray:
    """The mask that dropout draws: one uniform number per element, kept where it is at least p."""
    from tinytorch import engine

    drawn = engine.Generator(seed).uniform(shape).data
    return (drawn >= np.float32(p)) * (0.0 if p == 1.0 else 1 / (1 - p))


def our_dropout(ops: Any, x: Any, p: float, seed: int) -> Any:
    from tinytorch import engine

    return ops.dropout(x, p, engine.Generator(seed))


# ---- normalisations ----------------------------------------------------------------------------

EPS = st.sampled_from([1e-5, 1e-3])


def over_last(count: int) -> Callable:
    """x (..., n) and up to ``count`` vectors of n, each possibly None."""

    @st.composite
    def cases(draw: Callable, smooth: bool) -> Case:
        shape = draw(shapes(min_dims=1, min_side=1, smooth=smooth))
        x = draw(values(shape, smooth=smooth))
        vectors = [
            draw(values(shape[-1:], smooth=smooth, slot=i + 1)) if draw(st.booleans()) else None
            for i in range(count)
        ]
        return Case((x, *vectors), {"eps": draw(EPS)}, draw(layouts(count + 1)))

    return cases


def last_length(case: Case) -> int:
    return max(case.arrays[0].shape[-1], 1)


def affine(y: np.ndarray, w: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
    y = y if w is None else y * w
    return y if b is None else y + b


def numpy_layer_norm(x: np.ndarray, w: Any, b: Any, eps: float) -> np.ndarray:
    centered = x - x.mean(-1, keepdims=True)
    return affine(centered / np.sqrt((centered**2).mean(-1, keepdims=True) + eps), w, b)


def numpy_rms_norm(x: np.ndarray, w: Any, eps: float) -> np.ndarray:
    return affine(x / np.sqrt((x**2).mean(-1, keepdims=True) + eps), w, None)


@st.composite
def batch_norm_cases(draw: Callable, smooth: bool) -> Case:
    channels = draw(st.integers(1, 3) if smooth else st.sampled_from([1, 2, 3, 21]))
    rest = draw(st.sampled_from([(), (3,), (2, 2)] if smooth else [(), (1,), (33,), (4, 5)]))
    x = draw(values((draw(st.integers(2, 4)), channels, *rest), smooth=smooth))
    vector = lambda slot: values((channels,), smooth=smooth, slot=slot)  # noqa: E731
    weight, bias = (draw(vector(i)) if draw(st.booleans()) else None for i in (1, 2))
    running = draw(vector(3)), draw(values((channels,), Domain(0.5, 2.0)))
    options = {"running": running, "training": draw(st.booleans()), "eps": draw(EPS)}
    return Case((x, weight, bias), options, draw(layouts(3)))


def our_batch_norm(
    ops: Any, x: Any, w: Any, b: Any, running: Any, training: bool, eps: float
) -> Any:
    mean, var = (r.copy() for r in running)
    return ops.batch_norm(x, w, b, mean, var, training, eps=eps)


def torch_batch_norm(
    t: Any, x: Any, w: Any, b: Any, running: Any, training: bool, eps: float
) -> Any:
    mean, var = (t.tensor(r, dtype=x.dtype) for r in running)
    return t.nn.functional.batch_norm(x, mean, var, w, b, training, eps=eps)


def numpy_batch_norm(
    x: np.ndarray, w: Any, b: Any, running: Any, training: bool, eps: float
) -> np.ndarray:
    axes = tuple(d for d in range(x.ndim) if d != 1)
    wide = lambda v: None if v is None else np.reshape(v, (-1, *[1] * (x.ndim - 2)))  # noqa: E731
    given = (np.asarray(r, x.dtype) for r in running)
    mean, var = (x.mean(axes), x.var(axes)) if training else given
    return affine((x - wide(mean)) / np.sqrt(wide(var) + eps), wide(w), wide(b))


# ---- attention ---------------------------------------------------------------------------------


@st.composite
def attention_cases(draw: Callable, smooth: bool) -> Case:
    batch = draw(st.sampled_from([(), (2,), (2, 2)]))
    queries, width = (
        draw(st.integers(1, 4)),
        draw(st.sampled_from([2, 1, 3] if smooth else [2, 8, 17])),
    )
    kind = draw(st.sampled_from(["none", "causal", "boolean", "added"]))
    keys = queries if kind == "causal" else draw(st.integers(1, 4))
    mask: Any = None
    if kind == "boolean":
        mask = draw(masks((queries, keys)))
        mask[:, 0] = True  # a query that sees nothing has no softmax
    elif kind == "added":
        mask = draw(values((queries, keys), smooth=smooth, slot=3))
    arrays = (
        draw(values((*batch, queries, width), smooth=smooth)),
        draw(values((*batch, keys, width), smooth=smooth, slot=1)),
        draw(values((*batch, keys, draw(st.integers(1, 3))), smooth=smooth, slot=2)),
        mask,
    )
    options = {"causal": kind == "causal", "scale": draw(st.sampled_from([None, 0.5]))}
    return Case(arrays, options, draw(layouts(4)))


def numpy_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: Any, causal: bool, scale: float | None
) -> np.ndarray:
    scores = q @ np.swapaxes(k, -2, -1) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    return np.exp(numpy_log_softmax(scores, -1)) @ v


@st.composite
def packed_attention_cases(draw: Callable, smooth: bool) -> Case:
    batch = draw(st.sampled_from([(), (2,), (2, 2)]))
    length, heads, width = (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([2, 1, 3] if smooth else [2, 8, 17])),
    )
    x = draw(values((*batch, length, 3 * heads * width), smooth=smooth))
    options = {
        "heads": heads,
        "causal": draw(st.booleans()),
        "scale": draw(st.sampled_from([None, 0.5])),
    }
    return Case((x,), options, draw(layouts(1)))


def numpy_packed_attention(
    x: np.ndarray, heads: int, causal: bool, scale: float | None
) -> np.ndarray:
    apart = x.reshape((*x.shape[:-1], 3, heads, -1))
    q, k, v = (np.swapaxes(apart[..., i, :, :], -3, -2) for i in range(3))
    y = np.swapaxes(numpy_attention(q, k, v, None, causal, scale), -3, -2)
    return y.reshape((*x.shape[:-1], -1))


def torch_packed_attention(t: Any, x: Any, heads: int, causal: bool, scale: float | None) -> Any:
    apart = x.reshape((*x.shape[:-1], 3, heads, -1))
    q, k, v = (apart[..., i, :, :].transpose(-3, -2) for i in range(3))
    y = t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
    return y.transpose(-3, -2).reshape((*x.shape[:-1], -1))


@st.composite
def rotary_cases(draw: Callable, smooth: bool) -> Case:
    batch = draw(st.sampled_from([(), (2,), (0,), (2, 2)]))
    length, heads, half = (draw(st.integers(1, n)) for n in (4, 3, 3 if smooth else 17))
    x = draw(values((*batch, length, heads * 2 * half), smooth=smooth))
    angles = draw(values((length + draw(st.integers(0, 2)), half), smooth=smooth, slot=1))
    turned = draw(st.sampled_from([None, 0, heads - 1, heads]))
    return Case((x, np.cos(angles), np.sin(angles)), {"heads": turned}, draw(layouts(3)))


def rotary_by(cat: Callable, x: Any, cos: Any, sin: Any, heads: int | None) -> Any:
    length, half = x.shape[-2], cos.shape[-1]
    apart = x.reshape((*x.shape[:-1], x.shape[-1] // (2 * half), 2, half))
    a, b = apart[..., 0, :], apart[..., 1, :]
    c, s = cos[:length, None], sin[:length, None]
    turned = cat([(a * c - b * s)[..., None, :], (b * c + a * s)[..., None, :]], -2)
    count = a.shape[-2] if heads is None else heads
    return cat([turned[..., :count, :, :], apart[..., count:, :, :]], -3).reshape(x.shape)


# ---- losses ------------------------------------------------------------------------------------


def pairs(first: Domain, second: Domain) -> Callable:
    """Two arrays that broadcast together, not empty: the mean of nothing has no value."""

    @st.composite
    def cases(draw: Callable, smooth: bool) -> Case:
        a, b = draw(broadcast_shapes(2, smooth).filter(lambda s: 0 not in s[0] + s[1]))
        arrays = draw(values(a, first, smooth)), draw(values(b, second, smooth, slot=1))
        return Case(arrays, {}, draw(layouts(2)))

    return cases


@st.composite
def cross_entropy_cases(draw: Callable, smooth: bool) -> Case:
    rows = draw(st.sampled_from([(3,), (1,), (), (2, 3)]))
    classes = draw(st.sampled_from([2, 1, 4] if smooth else [2, 1, 10, 130]))
    logits = draw(values((*rows, classes), REAL if smooth else LOGITS, smooth))
    smoothing = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return Case(
        (logits, draw(integers(rows, 0, classes))), {"label_smoothing": smoothing}, draw(layouts(2))
    )


def numpy_cross_entropy(x: np.ndarray, target: np.ndarray, label_smoothing: float) -> np.ndarray:
    lp = numpy_log_softmax(x, -1)
    picked = np.take_along_axis(lp, target[..., None], -1)[..., 0]
    return -np.mean((1 - label_smoothing) * picked + label_smoothing * lp.mean(-1))


def torch_cross_entropy(t: Any, x: Any, target: Any, label_smoothing: float) -> Any:
    flat = x.reshape(-1, x.shape[-1])
    return t.nn.functional.cross_entropy(flat, target.reshape(-1), label_smoothing=label_smoothing)


def pair_count(case: Case) -> int:
    return max(a.size for a in case.arrays if a is not None)


def composed(formula: Callable) -> Callable:
    """The same formula of a loss for PyTorch, over tensors that broadcast."""
    return lambda t, *tensors: formula(t, *t.broadcast_tensors(*tensors)).mean()


LOSS = {"terms": pair_count, "magnitude": lambda c: max(1.0, largest(c) ** 2)}

ROWS = [
    Row(
        "softmax",
        axis_cases,
        lambda x, axis: np.exp(numpy_log_softmax(x, axis)),
        lambda t, x, axis: x.softmax(axis),
        ulps=64,  # exp makes an error in x - max grow by |x - max|, up to 40 here
        terms=axis_length,
    ),
    Row(
        "log_softmax",
        axis_cases,
        numpy_log_softmax,
        lambda t, x, axis: x.log_softmax(axis),
        terms=axis_length,
        magnitude=largest,
        grad_ulps=64,
    ),
    Row(
        "dropout",
        dropout_cases,
        lambda x, p, seed: x * kept(x.shape, p, seed),
        lambda t, x, p, seed: x * t.as_tensor(kept(tuple(x.shape), p, seed), dtype=x.dtype),
        ours=our_dropout,
    ),
    Row(
        "layer_norm",
        over_last(2),
        numpy_layer_norm,
        lambda t, x, w, b, eps: t.nn.functional.layer_norm(x, x.shape[-1:], w, b, eps),
        gradients=(0, 1, 2),
        terms=last_length,
        magnitude=lambda c: max(1.0, largest(c) ** 2),
        grad_ulps=1000,  # rows of nearly equal values: errors grow by 1 / sqrt(eps) = 316
    ),
    Row(
        "rms_norm",
        over_last(1),
        numpy_rms_norm,
        lambda t, x, w, eps: t.nn.functional.rms_norm(x, x.shape[-1:], w, eps),
        gradients=(0, 1),
        terms=last_length,
        magnitude=lambda c: max(1.0, largest(c)),
        grad_ulps=64,
    ),
    Row(
        "batch_norm",
        batch_norm_cases,
        numpy_batch_norm,
        torch_batch_norm,
        ours=our_batch_norm,
        gradients=(0, 1, 2),
        terms=lambda c: c.arrays[0].size,
        magnitude=lambda c: max(1.0, largest(c) ** 2),
        grad_ulps=1000,  # as for layer_norm
    ),
    Row(
        "scaled_dot_product_attention",
        attention_cases,
        numpy_attention,
        lambda t, q, k, v, mask, causal, scale: t.nn.functional.scaled_dot_product_attention(
            q, k, v, mask, is_causal=causal, scale=scale
        ),
        gradients=(0, 1, 2, 3),
        ulps=16,
        grad_ulps=64,
        terms=lambda c: c.arrays[0].shape[-1] + c.arrays[1].shape[-2],
        magnitude=lambda c: largest(c) ** 3,
    ),
    Row(
        "packed_attention",
        packed_attention_cases,
        numpy_packed_attention,
        torch_packed_attention,
        ulps=16,
        grad_ulps=64,
        terms=lambda c: sum(c.arrays[0].shape[-2:]),
        magnitude=lambda c: largest(c) ** 3,
    ),
    Row(
        "rotary",
        rotary_cases,
        lambda x, cos, sin, heads: rotary_by(np.concatenate, x, cos, sin, heads),
        lambda t, x, cos, sin, heads: rotary_by(t.cat, x, cos, sin, heads),
        ulps=4,
        magnitude=lambda c: 2 * largest(c),
    ),
    Row(
        "mse_loss",
        pairs(REAL, REAL),
        lambda p, target: np.mean((p - target) ** 2),
        composed(lambda t, p, target: (p - target) ** 2),
        gradients=(0, 1),
        **LOSS,
    ),
    Row(
        "cross_entropy",
        cross_entropy_cases,
        numpy_cross_entropy,
        torch_cross_entropy,
        terms=lambda c: c.arrays[0].size,
        magnitude=largest,
        grad_ulps=64,
    ),
    Row(
        "binary_cross_entropy",
        pairs(PROBABILITY, PROBABILITY),
        lambda p, target: -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p)),
        composed(lambda t, p, target: -(target * p.log() + (1 - target) * (1 - p).log())),
        gradients=(0,),
        **LOSS,
        grad_ulps=64,  # divided by p (1 - p) >= 1/50
    ),
    Row(
        "binary_cross_entropy_with_logits",
        pairs(LOGITS, PROBABILITY),
        lambda x, target: np.mean(np.logaddexp(0, x) - x * target),
        composed(
            lambda t, x, target: t.nn.functional.binary_cross_entropy_with_logits(
                x, target, reduction="none"
            )
        ),
        gradients=(0, 1),
        **LOSS,
    ),
    Row(
        "kl_div",
        pairs(Domain(-6.0, -0.1, ties=False), PROBABILITY),
        lambda log_q, p: np.mean(p * (np.log(p) - log_q)),
        composed(lambda t, log_q, p: p * (p.log() - log_q)),
        gradients=(0,),
        **LOSS,
    ),
]
