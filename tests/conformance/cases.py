"""What the rows of the table are made of: sample inputs, memory layouts, and hypothesis strategies.

A case is drawn for one of two purposes. For comparison with an oracle any value will do, ties and
zeros included. For central differences (``smooth=True``) values lie on a grid on which no two
inputs meet and nothing is zero, so that a step of 1e-5 never crosses a kink of ``max``, ``abs`` or
``relu``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

LAYOUTS = ("contiguous", "transposed", "strided", "reversed", "channels last")


@dataclass(frozen=True)
class Case:
    """Inputs of one call: float32, int64 or bool arrays (or None), and keyword options."""

    arrays: tuple[np.ndarray | None, ...]
    options: dict[str, Any] = field(default_factory=dict)
    layouts: tuple[str, ...] = ()

    def laid_out(self) -> list[np.ndarray | None]:
        layouts = self.layouts or ("contiguous",) * len(self.arrays)
        return [
            None if a is None else lay_out(a, how)
            for a, how in zip(self.arrays, layouts, strict=True)
        ]


def lay_out(values: np.ndarray, how: str) -> np.ndarray:
    """The same values in fresh writable memory of another layout."""
    if how == "transposed":
        return np.array(values.T, order="C").T
    if how == "channels last" and values.ndim == 4:
        return np.array(values.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)
    if how == "strided" and values.ndim > 0:
        wide = np.zeros((*values.shape[:-1], 2 * values.shape[-1] + 1), values.dtype)
        wide[..., 1::2] = values
        return wide[..., 1::2]
    if how == "reversed" and values.ndim > 0:
        backwards = np.array(values[::-1, ...], order="C")
        return backwards[::-1, ...]
    return np.array(values, order="C")


@dataclass(frozen=True)
class Domain:
    """Values are drawn from [low, high]; ``ties`` adds draws from a coarse grid with repeats."""

    low: float = -3.0
    high: float = 3.0
    ties: bool = True


REAL = Domain()
POSITIVE = Domain(0.1, 4.0, ties=False)


def values(
    shape: tuple[int, ...], domain: Domain = REAL, smooth: bool = False, slot: int = 0
) -> st.SearchStrategy[np.ndarray]:
    """float32 arrays of a shape. ``slot`` numbers a case's inputs, to keep their grids apart."""

    def make(seed: int, tied: bool) -> np.ndarray:
        rng = np.random.default_rng(seed)
        n = int(np.prod(shape))
        if smooth:
            step = max((domain.high - domain.low) / max(4 * n, 64), 1 / 256)
            count = int((domain.high - domain.low) / step)
            chosen = rng.permutation(max(count, n))[:n]
            flat = domain.low + (chosen + 0.25 + slot / 16) * step
        elif tied and domain.ties:
            flat = np.round(rng.uniform(domain.low, domain.high, n) * 2) / 2
        else:
            flat = rng.uniform(domain.low, domain.high, n)
        return flat.reshape(shape).astype(np.float32)

    return st.builds(make, st.integers(0, 2**32 - 1), st.booleans())


def integers(shape: tuple[int, ...], low: int, high: int) -> st.SearchStrategy[np.ndarray]:
    """int64 arrays with values in [low, high)."""

    def make(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(low, high, shape)

    return st.builds(make, st.integers(0, 2**32 - 1))


def masks(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    def make(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).random(shape) < 0.6

    return st.builds(make, st.integers(0, 2**32 - 1))


@st.composite
def shapes(
    draw: Callable, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, smooth: bool = False
) -> tuple[int, ...]:
    """Mostly small; some empty, some with size 1, some long enough for vector loops and tails.

    For central differences, which evaluate the operator twice per element, always small.
    """
    ndim = draw(st.integers(min_dims, max_dims))
    sides = st.sampled_from([s for s in (2, 3, 1, 4, 0) if s >= min_side])
    shape = [draw(sides) for _ in range(ndim)]
    if smooth:
        return tuple(max(s, 1) if i else s for i, s in enumerate(shape))
    if ndim > 0 and draw(st.integers(0, 3)) == 0:
        shape[draw(st.integers(0, ndim - 1))] = draw(st.sampled_from([7, 33, 70, 257]))
    return tuple(shape)


@st.composite
def broadcast_shapes(
    draw: Callable, count: int, smooth: bool = False, max_dims: int = 3
) -> list[tuple[int, ...]]:
    """Shapes that broadcast together: one whole, others with sizes 1 or leading axes left out."""
    whole = draw(shapes(max_dims=max_dims, smooth=smooth))
    out = []
    for _ in range(count):
        kept = draw(st.integers(0, len(whole)))
        part = whole if draw(st.booleans()) else whole[kept:]
        out.append(tuple(1 if draw(st.integers(0, 3)) == 0 else s for s in part))
    return out


def layouts(count: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.tuples(*[st.sampled_from(LAYOUTS)] * count)


@st.composite
def axes_of(draw: Callable, ndim: int, allow_none: bool = True) -> Any:
    """None, an axis, or a tuple of distinct axes, of either sign."""
    choices = ["one", "many"] if ndim > 0 else ["many"]
    kind = draw(st.sampled_from([*choices, "none"] if allow_none else choices))
    if kind == "none":
        return None
    signed = [draw(st.sampled_from([d, d - ndim])) for d in range(ndim)]
    if kind == "one":
        return draw(st.sampled_from(signed))
    return tuple(draw(st.permutations(signed)))[: draw(st.integers(1 if ndim else 0, max(ndim, 0)))]


def simple(*domains: Domain, broadcast: bool = True, **options: Any) -> Callable:
    """Case maker for operators of arrays that broadcast together, with fixed options."""

    @st.composite
    def cases(draw: Callable, smooth: bool) -> Case:
        n = len(domains)
        sizes = draw(broadcast_shapes(n, smooth)) if n > 1 else [draw(shapes(smooth=smooth))]
        arrays = tuple(
            draw(values(s, d, smooth, i))
            for i, (s, d) in enumerate(zip(sizes, domains, strict=True))
        )
        drawn = {k: draw(v) for k, v in options.items()}
        return Case(arrays, drawn, draw(layouts(n)))

    return cases
