"""Runs a case on the engine, on PyTorch and on NumPy, and compares the results.

The oracles compute in float64 on the same float32 inputs, so that the tolerance of a row is for the
engine's rounding alone. Where PyTorch is missing, gradients are held against central differences of
the row's NumPy formula instead (see ``oracles()``).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from tinytorch import engine

from .cases import Case
from .row import EPS32, Row

HAS_TORCH = importlib.util.find_spec("torch") is not None
REQUIRE_TORCH = os.environ.get("TINYTORCH_REQUIRE_TORCH") == "1"


def oracles() -> list[str]:
    """What each operator is compared with; part of the names of the tests.

    TINYTORCH_REQUIRE_TORCH=1 keeps the PyTorch rows where it is missing: they fail, never skip.
    """
    return ["numpy", "torch"] if HAS_TORCH or REQUIRE_TORCH else ["numpy-alone-for-want-of-torch"]


def torch() -> ModuleType:
    import torch

    return torch


def tensors_of(row: Row, case: Case, dtype: str = "float32") -> list[Any]:
    """Tensors over the case's memory layouts; float inputs in ``dtype``."""
    wanted, tensors = row.differentiable(case), []
    for i, array in enumerate(case.laid_out()):
        if array is None or array.dtype.kind != "f" or dtype == "float32":
            made = None if array is None else engine.from_numpy(array)
        else:
            made = engine.tensor(array, dtype)
        if i in wanted:
            made.requires_grad = True
        tensors.append(made)
    return tensors


def seed_like(result: np.ndarray, k: int = 0) -> np.ndarray:
    """A gradient to start from: of the result's shape, different everywhere, exact in float32."""
    places = np.arange(result.size).reshape(result.shape)
    return np.cos(places * 0.7 + k).round(3).astype(np.float32)


def results(outputs: Sequence[Any]) -> list[np.ndarray]:
    return [np.asarray(o.data) for o in outputs]


def engine_gradients(row: Row, case: Case, dtype: str = "float32") -> dict[int, np.ndarray]:
    tensors = tensors_of(row, case, dtype)
    for k, out in enumerate(row.call(engine.ops, tensors, case.options)):
        if out.requires_grad:
            out.backward(seed_like(np.empty(out.shape), k))
    return {
        i: np.zeros(tensors[i].shape) if tensors[i].grad is None else np.asarray(tensors[i].grad)
        for i in row.differentiable(case)
    }


def numpy_forward(
    row: Row, case: Case, arrays: Sequence[np.ndarray | None] | None = None
) -> list[np.ndarray]:
    given = case.arrays if arrays is None else arrays
    wide = [a.astype(np.float64) if a is not None and a.dtype.kind == "f" else a for a in given]
    out = row.numpy(*wide, **case.options)
    return [np.asarray(o) for o in (out if isinstance(out, (list, tuple)) else [out])]


def torch_inputs(row: Row, case: Case) -> list[Any]:
    t, wanted, made = torch(), row.differentiable(case), []
    for i, a in enumerate(case.arrays):
        if a is None:
            made.append(None)
        elif a.dtype.kind == "f":
            made.append(t.tensor(a, dtype=t.float64, requires_grad=i in wanted))
        else:
            made.append(t.tensor(a))
    return made


def torch_call(row: Row, case: Case, inputs: Sequence[Any]) -> list[Any]:
    out = row.torch(torch(), *inputs, **case.options)
    return list(out) if isinstance(out, (list, tuple)) else [out]


def torch_forward(row: Row, case: Case) -> list[np.ndarray]:
    with torch().no_grad():
        return [o.numpy() for o in torch_call(row, case, torch_inputs(row, case))]


def torch_gradients(row: Row, case: Case) -> dict[int, np.ndarray]:
    t, inputs = torch(), torch_inputs(row, case)
    outputs = torch_call(row, case, inputs)
    pairs = [
        (o, t.tensor(seed_like(np.empty(o.shape), k), dtype=o.dtype))
        for k, o in enumerate(outputs)
        if o.requires_grad
    ]
    if pairs:
        t.autograd.backward(*zip(*pairs, strict=True))
    return {
        i: np.zeros(inputs[i].shape) if inputs[i].grad is None else inputs[i].grad.numpy()
        for i in row.differentiable(case)
    }


def check_forward(
    row: Row, case: Case, got: np.ndarray, want: np.ndarray, eps: float = EPS32
) -> None:
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind != "f":
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        return
    scale = np.maximum(np.abs(want), row.magnitude(case))
    check_within(got, want, eps * row.ulps * row.terms(case) * scale)


def check_gradient(
    row: Row, case: Case, i: int, got: np.ndarray, want: np.ndarray, eps: float = EPS32
) -> None:
    x = case.arrays[i]
    assert got.shape == x.shape
    # An input that was broadcast receives as many terms as the others have elements.
    repeats = max(a.size for a in case.arrays if a is not None) // max(x.size, 1)
    size = max(1.0, float(np.abs(want).max(initial=0.0)))
    bound = eps * row.grad_ulps * row.terms(case) * max(repeats, 1) * max(size, row.magnitude(case))
    check_within(got, want, bound)


def check_within(got: np.ndarray, want: np.ndarray, bound: Any) -> None:
    """|got - want| <= bound, where both are finite; the same infinities and NaNs elsewhere."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    tiny = float(np.finfo(np.float32).tiny)
    error = np.abs(got - want)[finite]
    allowed = (np.broadcast_to(bound, want.shape) + tiny)[finite]
    assert not np.isnan(error).any(), "NaN or infinity where a number was expected"
    if (error > allowed).any():
        worst = int(np.argmax(error / allowed))
        raise AssertionError(
            f"{got[finite][worst]!r} is {error[worst]:.3g} away from {want[finite][worst]!r}; "
            f"allowed {allowed[worst]:.3g}"
        )


def central_differences(function: Any, arrays: Sequence[np.ndarray], which: int) -> np.ndarray:
    """d function / d arrays[which] for a scalar function, one element at a time, in float64.

    The step h = 1e-5 max(1, |x|) balances the error of the formula, h^2 f''' / 6, against the
    rounding of f, eps |f| / h: both are near 1e-11 for well-scaled functions.
    """
    base = [a if a is None else np.array(a) for a in arrays]
    x = base[which]
    out = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        value = x[place]
        h = 1e-5 * max(1.0, abs(value))
        x[place] = value + h
        high = function(base)
        x[place] = value - h
        low = function(base)
        x[place] = value
        out[place] = (high - low) / (2 * h)
    return out
