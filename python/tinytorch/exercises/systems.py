"""Checks of notebooks/06_systems_questions."""

from __future__ import annotations

from typing import Any

from ._verdict import call, require, require_close


def _intensity(answer: Any) -> str:
    for m, k, n in ((1, 512, 512), (512, 512, 512), (64, 10, 3)):
        expected = 2 * m * k * n / (4 * (m * k + k * n + m * n))
        got = call(answer, m, k, n)
        require(abs(2 * got - expected) > 1e-9, "a multiply and an add count as two")
        require_close(got, expected, f"({m} x {k}) times ({k} x {n})", 1e-9)
    return "about 0.5 for one row, and it grows with the batch: that is why batching pays"


def _smallest_batch(answer: Any) -> str:
    times = {1: 1.0, 2: 1.1, 4: 1.4, 8: 2.0, 16: 3.7, 32: 7.4, 64: 15.0}
    for share, expected in ((0.9, 8), (0.99, 16), (0.2, 1), (0.5, 4)):
        got = call(answer, dict(times), share)
        require(got == expected, f"{times}, share {share}: got {got}, expected {expected}")
    return "the smallest batch that is good enough, and so the one with the least waiting"


def _break_even(answer: Any) -> str:
    for ratio in (1.0, 2.0, 8.0, 25.0):
        require_close(call(answer, ratio), 1 - 1 / ratio, f"cost ratio {ratio:g}", 1e-9)
    return "with indices that cost 10 times a dense multiply, 90 % zeros only break even"


CHECKS = {"06.1": _intensity, "06.2": _smallest_batch, "06.3": _break_even}
