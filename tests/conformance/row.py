"""A row of the conformance table: one operator, its sample inputs, its oracles, its tolerance.

Tolerances. A result is right when, elementwise,

    |got - want| <= eps * ulps * terms * max(|want|, magnitude)

with eps of the element type (2^-23 for float32, 2^-52 for float64), ``terms`` the number of values
that are added up (or otherwise accumulated) per element of the result, and ``magnitude`` the size
of those values: the rounding errors of a sum are relative to its terms, not to what is left of
them. A row states all three; for elementwise operators terms is 1 and magnitude 0, so the bound is
purely relative. Gradients use the same terms, times the number of elements that broadcasting adds
up, and as magnitude the largest gradient or seed value. Both are rounding bounds with room for the
order of summation; neither grows faster than linearly with the number of terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .cases import Case

EPS32 = float(np.finfo(np.float32).eps)
EPS64 = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Row:
    """One operator.

    Attributes:
        name: as in the registry.
        cases: ``cases(smooth)`` is a strategy of ``Case``.
        numpy: the result in float64 from float64 arrays; independent of the engine.
        torch: ``torch(torch, *tensors, **options)``: the same from PyTorch.
        ours: ``ours(ops, *tensors, **options)``; by default the operator of that name.
        gradients: which of the arrays are differentiable; where one is None or not of a float type
            it is passed over.
        ulps, terms, magnitude: the tolerance, see above.
        torch_ok: whether PyTorch takes a case (ours may be more general).
    """

    name: str
    cases: Callable[..., st.SearchStrategy[Case]]
    numpy: Callable[..., Any]
    torch: Callable[..., Any]
    ours: Callable[..., Any] | None = None
    gradients: tuple[int, ...] = (0,)
    ulps: float = 4.0
    grad_ulps: float = 8.0
    terms: Callable[[Case], int] = lambda case: 1
    magnitude: Callable[[Case], float] = lambda case: 0.0
    torch_ok: Callable[[Case], bool] = lambda case: True

    def call(self, ops: Any, tensors: Sequence[Any], options: dict[str, Any]) -> list[Any]:
        made = (self.ours or _by_name(self.name))(ops, *tensors, **options)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def differentiable(self, case: Case) -> list[int]:
        return [
            i
            for i in self.gradients
            if case.arrays[i] is not None and case.arrays[i].dtype.kind == "f"
        ]


def _by_name(name: str) -> Callable:
    return lambda ops, *tensors, **options: getattr(ops, name)(*tensors, **options)


def largest(case: Case) -> float:
    """The largest absolute value among the float inputs."""
    sizes = [
        np.abs(a).max() for a in case.arrays if a is not None and a.size and a.dtype.kind == "f"
    ]
    return float(max(sizes, default=0.0))
