"""Checks of notebooks/05_your_own_challenge."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._verdict import call, require, require_close


def _broken_limits(answer: Any) -> str:
    limits = {
        "accuracy": {"min": 0.9},
        "model_size_mb": {"max": 0.05},
        "latency_ms_mean": {"min": 0.001, "max": 1.0},
    }
    fine = {"accuracy": 0.95, "model_size_mb": 0.01, "latency_ms_mean": 0.5, "other": 7}
    cases: list[tuple[dict[str, float], set[str]]] = [
        (fine, set()),
        ({**fine, "accuracy": 0.9, "model_size_mb": 0.05}, set()),
        ({**fine, "accuracy": 0.89}, {"accuracy"}),
        ({**fine, "latency_ms_mean": 0.0001, "model_size_mb": 1}, set(list(limits)[1:])),
        ({**fine, "accuracy": float("nan")}, {"accuracy"}),
        ({k: v for k, v in fine.items() if k != "accuracy"}, {"accuracy"}),
    ]
    for metrics, expected in cases:
        got = call(answer, dict(metrics), limits)
        require(
            set(got) == expected and len(list(got)) == len(expected),
            f"{metrics}: got {sorted(got)}, expected {sorted(expected)}; a limit itself is "
            "allowed, a missing or NaN metric is not",
        )
    return "limits kept, broken, touched, missing and NaN"


def _pareto(answer: Any) -> str:
    rng = np.random.default_rng(7)
    for count in (1, 2, 30):
        size, accuracy = rng.uniform(1, 9, count), rng.uniform(0.5, 1, count)
        expected = {
            i
            for i in range(count)
            if not any(
                size[j] <= size[i]
                and accuracy[j] >= accuracy[i]
                and (size[j] < size[i] or accuracy[j] > accuracy[i])
                for j in range(count)
            )
        }
        got = {int(i) for i in call(answer, size.copy(), accuracy.copy())}
        require(got == expected, f"{count} entries: got {sorted(got)}, expected {sorted(expected)}")
    twins = {int(i) for i in call(answer, np.array([2.0, 2.0]), np.array([0.9, 0.9]))}
    require(twins == {0, 1}, "two equal entries do not beat each other: both stay")
    return "exactly the entries that nobody beats in one thing without losing in the other"


def _mean_speedup(answer: Any) -> str:
    require_close(call(answer, [2.0, 0.5]), 1.0, "twice as fast, then half as fast", 1e-9)
    require_close(call(answer, [4.0, 1.0, 2.0]), 2.0, "4, 1 and 2", 1e-9)
    many = np.random.default_rng(8).uniform(0.2, 5, 400)
    once = call(answer, many.tolist())
    require_close(call(answer, (1 / many).tolist()), 1 / once, "the inverse of all ratios", 1e-9)
    require_close(call(answer, [1e300, 1e300]), 1e300, "ratios whose product overflows", 1e-9)
    return "the mean that does not depend on which of the two is the baseline"


CHECKS = {"05.1": _broken_limits, "05.2": _pareto, "05.3": _mean_speedup}
