"""A GPT in NumPy float64, and random models to put it to: the oracle of the sessions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch.models.gpt import GptConfig

Weights = dict[str, np.ndarray]

GPT2 = GptConfig(37, 48, layers=2, heads=3, max_length=40)
LLAMA = GptConfig(
    37, 48, layers=2, heads=6, kv_heads=2, head_size=10, hidden=72, max_length=40,
    norm="rms", positions="rotary", activation="silu", gated=True, tied=False, eps=1e-6,
)  # fmt: skip


def random_weights(config: GptConfig, seed: int = 0, optional: float = 1.0) -> Weights:
    """Weights of a size that keeps activations near 1; of the optional arrays a share."""
    rng = np.random.default_rng(seed)
    required = config.required()
    weights = {}
    for name, shape in config.shapes().items():
        if name not in required and rng.random() >= optional:
            continue
        values = rng.standard_normal(shape) * 0.2
        if name.endswith("weight") and name != "head.weight":
            values *= 1.5 / math.sqrt(shape[1] / 10)
        weights[name] = (values + name.endswith("gamma")).astype(np.float32)
    return weights


def _norm(x: np.ndarray, w: Weights, name: str, config: GptConfig) -> np.ndarray:
    if config.norm == "rms":
        h = x / np.sqrt((x * x).mean(-1, keepdims=True) + config.eps)
    else:
        h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + config.eps)
    return h * w[name + ".gamma"] + w.get(name + ".beta", 0)


def _linear(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)


def _activation(x: np.ndarray, name: str) -> np.ndarray:
    if name == "relu":
        return np.maximum(x, 0)
    if name == "gelu":
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if name == "gelu_tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / (1 + np.exp(-{"gelu_sigmoid": 1.702, "silu": 1.0}[name] * x))


def _turned(x: np.ndarray, theta: float) -> np.ndarray:
    """x (heads, positions, size): pairs (i, i + size / 2) turned, as complex numbers."""
    half = x.shape[-1] // 2
    angles = np.outer(np.arange(x.shape[1]), theta ** (-np.arange(half) / half))
    pairs = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([pairs.real, pairs.imag], -1)


def _attention(x: np.ndarray, w: Weights, name: str, config: GptConfig) -> np.ndarray:
    n, size, group = len(x), config.head_size, config.heads // config.kv_heads
    qkv = _linear(x, w, name + "qkv").reshape(n, -1, size).transpose(1, 0, 2)
    q, k, v = np.split(qkv, [config.heads, config.heads + config.kv_heads])
    if config.positions == "rotary":
        q, k = _turned(q, config.rope_theta), _turned(k, config.rope_theta)
    k, v = np.repeat(k, group, 0), np.repeat(v, group, 0)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)
    scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
    a = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (a / a.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, -1)
    return _linear(mixed, w, name + "proj")


def expected_logits(weights: Weights, config: GptConfig, ids: Any) -> np.ndarray:
    """Logits (len(ids), vocabulary) after each of `ids`, in float64."""
    w = {k: v.astype(np.float64) for k, v in weights.items()}
    x = w["tokens"][ids]
    if config.positions == "learned":
        x = x + w["positions"][: len(ids)]
    for i in range(config.layers):
        name = f"blocks.{i}."
        x = x + _attention(_norm(x, w, name + "norm1", config), w, name, config)
        h = _norm(x, w, name + "norm2", config)
        up = _linear(h, w, name + "up")
        if config.gated:
            up = _activation(_linear(h, w, name + "gate"), config.activation) * up
        else:
            up = _activation(up, config.activation)
        x = x + _linear(up, w, name + "down")
    return _norm(x, w, "norm", config) @ w.get("head.weight", w["tokens"]).T


def ids_of(config: GptConfig, n: int, seed: int = 1) -> list[int]:
    return [int(t) for t in np.random.default_rng(seed).integers(0, config.vocabulary, n)]
