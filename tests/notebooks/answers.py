"""Right and wrong answers to the notebooks' exercises, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

RIGHT: dict[str, Any] = {}
WRONG: dict[str, list[Any]] = {}


# ---- 00_quickstart -----------------------------------------------------------------------------


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_that_overflows(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _softmax_over_all(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _momentum(weights, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + gradient
    return weights - lr * velocity, velocity


def _momentum_with_the_old_velocity(weights, gradient, velocity, lr, momentum):
    return weights - lr * velocity, momentum * velocity + gradient


def _no_momentum(weights, gradient, velocity, lr, momentum):
    return weights - lr * gradient, velocity


RIGHT |= {"00.1": _softmax, "00.2": 109_386, "00.3": _momentum}
WRONG |= {
    "00.1": [_softmax_that_overflows, _softmax_over_all, lambda z: z, lambda z: 1 / 0, 3],
    "00.2": [109_184, 109_387, "many"],
    "00.3": [_momentum_with_the_old_velocity, _no_momentum],
}


# ---- 01_capstone (01.3 needs a model: test_exercises.py) ----------------------------------------


def _improvements(before, after):
    return {
        "speedup": before["latency_ms_mean"] / after["latency_ms_mean"],
        "compression_ratio": before["model_size_mb"] / after["model_size_mb"],
        "accuracy_delta": after["accuracy"] - before["accuracy"],
    }


def _upside_down(before, after):
    return {
        **_improvements(after, before),
        "accuracy_delta": after["accuracy"] - before["accuracy"],
    }


def _robust_mean(x):
    distance = np.abs(x - np.median(x))
    mad = np.median(distance)
    return x.mean() if mad == 0 else x[distance <= 5 * 1.4826 * mad].mean()


def _drops_all_but_the_median(x):
    distance = np.abs(x - np.median(x))
    return x[distance <= 5 * 1.4826 * np.median(distance)].mean()


RIGHT |= {"01.1": _improvements, "01.2": _robust_mean}
WRONG |= {
    "01.1": [_upside_down, lambda b, a: {"speedup": 1.0}, lambda b, a: 4],
    "01.2": [np.mean, np.median, _drops_all_but_the_median],
    "01.3": [{}, {"optimized": 1}, 7],
}


# ---- 02_profile_and_optimise ---------------------------------------------------------------------


def _quantize(w):
    scales = np.abs(w).max(axis=0) / 127
    scales[scales == 0] = 1
    return np.rint(w / scales).astype(np.int8), scales


def _quantize_rounding_down(w):
    _, scales = _quantize(w)
    return np.floor(w / scales).astype(np.int8), scales


def _quantize_with_one_scale(w):
    scale = np.abs(w).max() / 127
    return np.rint(w / scale).astype(np.int8), np.full(w.shape[1], scale)


def _quantize_dividing_by_zero(w):
    scales = np.abs(w).max(axis=0) / 127
    with np.errstate(all="ignore"):
        return np.nan_to_num(w / scales * 0 + np.rint(w / scales)).astype(np.int8), 1 / (1 / scales)


RIGHT |= {
    "02.1": lambda c, o, k, h, w: 2 * c * o * k * k * h * w,
    "02.2": lambda share, factor: 1 / (1 - share + share / factor),
    "02.3": _quantize,
}
WRONG |= {
    "02.1": [
        lambda c, o, k, h, w: c * o * k * k * h * w,
        lambda c, o, k, h, w: 2 * c * o * k * h * w,
        lambda c, o, k, h, w: 2 * o * k * k * h * w,
    ],
    "02.2": [lambda share, factor: share * factor, lambda share, factor: 1 / (1 - share + 1e-12)],
    "02.3": [
        _quantize_rounding_down,
        _quantize_with_one_scale,
        lambda w: (np.rint(w).astype(np.int8), np.ones(w.shape[1])),
        lambda w: (np.rint(w), np.abs(w).max(axis=0) / 127),
    ],
}


# ---- 03_cifar10 ----------------------------------------------------------------------------------


def _receptive_field(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


def _most_confused(counts):
    counts = np.array(counts)
    np.fill_diagonal(counts, 0)
    return np.unravel_index(counts.argmax(), counts.shape)


def _most_confused_in_place(counts):
    np.fill_diagonal(counts, 0)
    return np.unravel_index(counts.argmax(), counts.shape)


RIGHT |= {
    "03.1": lambda side, kernel, stride, padding: (side + 2 * padding - kernel) // stride + 1,
    "03.2": _receptive_field,
    "03.3": _most_confused,
}
WRONG |= {
    "03.1": [
        lambda side, kernel, stride, padding: (side + 2 * padding - kernel) / stride + 1,
        lambda side, kernel, stride, padding: (side + padding - kernel) // stride + 1,
        lambda side, kernel, stride, padding: side // stride,
    ],
    "03.2": [
        lambda layers: 1 + sum(k - 1 for k, _ in layers),
        lambda layers: int(np.prod([k for k, _ in layers])),
    ],
    "03.3": [
        _most_confused_in_place,
        lambda counts: _most_confused(counts.T),
        lambda counts: np.unravel_index(counts.argmax(), counts.shape),
    ],
}


# ---- 04_tiny_gpt ---------------------------------------------------------------------------------


def _top_k(logits, k, rng):
    best = np.argsort(logits)[-k:]
    e = np.exp(logits[best] - logits[best].max())
    return rng.choice(best, p=e / e.sum())


def _top_k_evenly(logits, k, rng):
    return rng.choice(np.argsort(logits)[-k:])


def _all_tokens(logits, k, rng):
    return _top_k(logits, len(logits), rng)


def _top_k_that_overflows(logits, k, rng):
    best = np.argsort(logits)[-k:]
    with np.errstate(all="ignore"):
        e = np.exp(logits[best])
        return rng.choice(best, p=e / e.sum())


RIGHT |= {
    "04.1": lambda n: np.tril(np.ones((n, n))),
    "04.2": _top_k,
    "04.3": lambda layers, heads, width, positions: 2 * 4 * layers * heads * width * positions,
}
WRONG |= {
    "04.1": [lambda n: np.triu(np.ones((n, n))), lambda n: np.tril(np.ones((n, n)), -1)],
    "04.2": [_top_k_evenly, _all_tokens, _top_k_that_overflows, lambda z, k, rng: z.argmax()],
    "04.3": [lambda layers, heads, width, positions: 4 * layers * heads * width * positions],
}


# ---- 05_your_own_challenge -----------------------------------------------------------------------


def _broken(metrics, limits):
    return [
        key
        for key, limit in limits.items()
        if not limit.get("min", -np.inf) <= metrics.get(key, np.nan) <= limit.get("max", np.inf)
    ]


def _broken_that_lets_nan_pass(metrics, limits):
    return [
        key
        for key, limit in limits.items()
        if metrics.get(key, 0) < limit.get("min", -np.inf)
        or metrics.get(key, 0) > limit.get("max", np.inf)
    ]


def _broken_at_the_limit(metrics, limits):
    return [
        key
        for key, limit in limits.items()
        if not limit.get("min", -np.inf) < metrics.get(key, np.nan) < limit.get("max", np.inf)
    ]


def _pareto(sizes, accuracies):
    return [
        i
        for i, (s, a) in enumerate(zip(sizes, accuracies, strict=True))
        if not np.any((sizes <= s) & (accuracies >= a) & ((sizes < s) | (accuracies > a)))
    ]


def _pareto_without_twins(sizes, accuracies):
    order = np.lexsort((-accuracies, sizes))
    best, kept = -np.inf, []
    for i in order:
        if accuracies[i] > best:
            best = accuracies[i]
            kept.append(i)
    return kept


RIGHT |= {
    "05.1": _broken,
    "05.2": _pareto,
    "05.3": lambda ratios: float(np.exp(np.mean(np.log(ratios)))),
}
WRONG |= {
    "05.1": [_broken_that_lets_nan_pass, _broken_at_the_limit, lambda m, limits: list(limits)],
    "05.2": [_pareto_without_twins, lambda s, a: [int(np.argmin(s))], lambda s, a: range(len(s))],
    "05.3": [np.mean, np.median, lambda r: float(np.prod(r)) ** (1 / len(r))],
}


# ---- 06_systems_questions ------------------------------------------------------------------------


def _smallest_batch(times, share):
    rates = {batch: batch / ms for batch, ms in times.items()}
    return min(b for b, rate in rates.items() if rate >= share * max(rates.values()))


RIGHT |= {
    "06.1": lambda m, k, n: 2 * m * k * n / (4 * (m * k + k * n + m * n)),
    "06.2": _smallest_batch,
    "06.3": lambda ratio: 1 - 1 / ratio,
}
WRONG |= {
    "06.1": [
        lambda m, k, n: m * k * n / (4 * (m * k + k * n + m * n)),
        lambda m, k, n: 2 * m * k * n / (m * k + k * n + m * n),
    ],
    "06.2": [
        lambda times, share: max(times, key=lambda b: b / times[b]),
        lambda times, share: min(times),
    ],
    "06.3": [lambda ratio: 1 / ratio, lambda ratio: 0.9],
}
