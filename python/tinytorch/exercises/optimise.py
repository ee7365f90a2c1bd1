"""Checks of notebooks/02_profile_and_optimise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.layers import Linear
from ..core.spatial import Conv2d
from ..core.tensor import Tensor
from ..nn.quantized import LinearInt8
from ._verdict import call, require, require_close


def _conv_flops(answer: Any) -> str:
    for channels, outputs, kernel, side in ((3, 16, 3, 32), (8, 4, 5, 12), (1, 1, 1, 7)):
        layer = Conv2d(channels, outputs, kernel)
        result = layer(Tensor(np.zeros((1, channels, side, side), np.float32)))
        expected = 2 * result.size * layer.weight.size // outputs
        positions = side - kernel + 1
        got = call(answer, channels, outputs, kernel, positions, positions)
        require(2 * got != expected, "a multiply and an add count as two")
        require(
            got == expected,
            f"Conv2d({channels}, {outputs}, {kernel}) with {positions} x {positions} outputs: "
            f"got {got:,}; count the products behind one output first",
        )
    return "two for each weight behind each output"


def _amdahl(answer: Any) -> str:
    for share, factor in ((0.5, 2.0), (0.9, 10.0), (0.0, 100.0), (1.0, 3.0), (0.25, 1e9)):
        expected = 1 / ((1 - share) + share / factor)
        require_close(call(answer, share, factor), expected, f"share {share}, factor {factor:g}")
    return "Amdahl's law: what you did not touch sets the limit"


def _quantize(answer: Any) -> str:
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(12, 5)).astype(np.float32) * np.array([1, 10, 0.1, 3, 1])
    weights = weights.astype(np.float32)
    layer = Linear(12, 5)
    layer.weight.data = weights
    theirs = LinearInt8(layer)
    got_q, got_scales = call(answer, weights.copy())
    got_q, got_scales = np.asarray(got_q), np.asarray(got_scales)
    require(got_q.dtype == np.int8, f"the weights must be int8, not {got_q.dtype}")
    require(got_q.shape == (12, 5), "keep the shape (inputs, outputs)")
    require(got_scales.size == 5, "one scale for each of the 5 outputs")
    require_close(got_scales.reshape(5), np.abs(weights).max(axis=0) / 127, "scales")
    q_theirs = np.asarray(getattr(theirs.q_weight, "data", theirs.q_weight)).T
    worst = np.abs(got_q.astype(int) - q_theirs.astype(int)).max()
    require(worst <= 1, "the whole numbers differ from the engine's; did you round?")
    error = np.abs(got_q * got_scales.reshape(1, 5) - weights)
    require((error <= 0.501 * got_scales.reshape(1, 5)).all(), "round to the nearest number")
    zeros = call(answer, np.zeros((3, 2), np.float32))
    require((np.asarray(zeros[0]) == 0).all(), "a column of zeros must stay zero")
    require(np.isfinite(np.asarray(zeros[1])).all(), "a column of zeros needs a finite scale")
    x = rng.normal(size=(2, 12)).astype(np.float32)
    require(np.isfinite(theirs(Tensor(x)).data).all(), "the engine's layer failed")
    return "the weights that tinytorch.nn.quantized.LinearInt8 stores"


CHECKS = {"02.1": _conv_flops, "02.2": _amdahl, "02.3": _quantize}
