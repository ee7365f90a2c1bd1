"""The course's algorithms in plain NumPy, as a student writes them.

Loops are where the algorithm as taught has them (over images, channels and positions of a
convolution, over words of a tokenizer); everything else is whole-array NumPy in float32.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np

Array = np.ndarray


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def gelu(x: Array) -> Array:
    """The sigmoid form, which the course teaches first."""
    return x / (1.0 + np.exp(-1.702 * x))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def layer_norm(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) + beta


def cross_entropy(logits: Array, labels: Array) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def mlp_step(params: list[Array], x: Array, labels: Array) -> list[Array]:
    """Gradients of the cross entropy of Linear, ReLU, Linear, derived by hand."""
    w1, b1, w2, b2 = params
    hidden = x @ w1 + b1
    active = np.maximum(hidden, 0)
    dlogits = softmax(active @ w2 + b2)
    dlogits[np.arange(len(labels)), labels] -= 1.0
    dlogits /= len(labels)
    dhidden = (dlogits @ w2.T) * (hidden > 0)
    return [x.T @ dhidden, dhidden.sum(axis=0), active.T @ dlogits, dlogits.sum(axis=0)]


class Adam:
    """Kingma and Ba 2014, parameter by parameter."""

    def __init__(self, params: list[Array], lr: float = 1e-3) -> None:
        self.params, self.lr, self.step_count = params, lr, 0
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]

    def step(self, grads: list[Array]) -> None:
        self.step_count += 1
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m[:] = 0.9 * m + 0.1 * g
            v[:] = 0.999 * v + 0.001 * g**2
            m_hat = m / (1 - 0.9**self.step_count)
            v_hat = v / (1 - 0.999**self.step_count)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + 1e-8)


def conv2d_loops(x: Array, weight: Array, bias: Array, padding: int = 1) -> Array:
    """One sum of products per image, output channel and position."""
    n, _, height, width = x.shape
    out_channels, _, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = np.zeros((n, out_channels, height, width), np.float32)
    for image in range(n):
        for channel in range(out_channels):
            for i in range(height):
                for j in range(width):
                    patch = padded[image, :, i : i + kh, j : j + kw]
                    out[image, channel, i, j] = np.sum(patch * weight[channel]) + bias[channel]
    return out


def conv2d_im2col(x: Array, weight: Array, bias: Array, padding: int = 1) -> Array:
    """The fastest form that NumPy has: one matrix product over gathered patches."""
    n, _, height, width = x.shape
    out_channels, _, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(2, 3))
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * height * width, -1)
    out = columns @ weight.reshape(out_channels, -1).T + bias
    return out.reshape(n, height, width, out_channels).transpose(0, 3, 1, 2)


def max_pool2d(x: Array, size: int = 2) -> Array:
    n, channels, height, width = x.shape
    out = np.zeros((n, channels, height // size, width // size), np.float32)
    for i in range(height // size):
        for j in range(width // size):
            window = x[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def batches(images: Array, labels: Array, size: int, rng: np.random.Generator):
    """One epoch in random order, samples fetched one by one and stacked."""
    order = rng.permutation(len(images))
    for start in range(0, len(order), size):
        picked = order[start : start + size]
        yield np.stack([images[i] for i in picked]), np.stack([labels[i] for i in picked])


def bpe_train(words: list[str], merges: int) -> list[tuple[str, str]]:
    """Sennrich et al. 2016: count all pairs anew for every merge."""
    counts = Counter(words)
    split = {word: [*word[:-1], word[-1] + "</w>"] for word in counts}
    learned = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, tokens in split.items():
            for pair in set(pairwise(tokens)):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        learned.append(best)
        split = {word: _merge(tokens, best) for word, tokens in split.items()}
    return learned


def _merge(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    merged, i = [], 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            merged.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def bpe_encode(text: str, merges: list[tuple[str, str]], ids: dict[str, int]) -> list[int]:
    out: list[int] = []
    for word in text.split():
        tokens = [*word[:-1], word[-1] + "</w>"]
        for pair in merges:
            tokens = _merge(tokens, pair)
        out.extend(ids.get(token, 0) for token in tokens)
    return out


def attention(x: Array, weights: list[tuple[Array, Array]], heads: int) -> Array:
    """Causal multi-head attention of x (B, S, D); four (weight, bias) pairs: q, k, v, out."""
    batch, length, width = x.shape

    def split(w: Array, b: Array) -> Array:
        return (x @ w + b).reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

    q, k, v = (split(*pair) for pair in weights[:3])
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // heads))
    scores = np.where(np.tril(np.ones((length, length), bool)), scores, np.float32(-1e9))
    merged = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return merged @ weights[3][0] + weights[3][1]


class GPT:
    """The course's GPT over the arrays of one of ours; `cached` keeps keys and values."""

    def __init__(self, model) -> None:
        arrays = iter([p.data for p in model.parameters()])
        self.heads = model.num_heads
        self.tokens, self.positions = next(arrays), next(arrays)
        self.blocks = [[next(arrays) for _ in range(16)] for _ in model.blocks]
        self.gamma, self.beta, self.head = next(arrays), next(arrays), next(arrays)

    def forward(self, ids: Array) -> Array:
        x = self.tokens[ids] + self.positions[: ids.shape[1]]
        for block in self.blocks:
            pairs = list(zip(block[0:8:2], block[1:8:2], strict=True))
            x = x + attention(layer_norm(x, block[8], block[9]), pairs, self.heads)
            x = x + self._mlp(layer_norm(x, block[10], block[11]), block)
        return layer_norm(x, self.gamma, self.beta) @ self.head

    def generate(self, ids: list[int], count: int) -> list[int]:
        """Greedy, everything computed anew for each token."""
        for _ in range(count):
            ids = [*ids, int(self.forward(np.array([ids]))[0, -1].argmax())]
        return ids

    def generate_cached(self, ids: list[int], count: int) -> list[int]:
        """Greedy, keys and values of earlier tokens kept."""
        kept: list[list[Array]] = [[] for _ in self.blocks]
        logits = None
        for position, token in enumerate(ids):
            logits = self._next(token, position, kept)
        for _ in range(count):
            ids = [*ids, int(logits.argmax())]
            if len(ids) < len(self.positions):
                logits = self._next(ids[-1], len(ids) - 1, kept)
        return ids

    def _next(self, token: int, position: int, kept: list[list[Array]]) -> Array:
        x = (self.tokens[token] + self.positions[position])[None]
        width = x.shape[1] // self.heads
        for block, cache in zip(self.blocks, kept, strict=True):
            h = layer_norm(x, block[8], block[9])
            q, k, v = (
                (h @ block[2 * i] + block[2 * i + 1]).reshape(self.heads, 1, width)
                for i in range(3)
            )
            cache[:] = (
                [np.concatenate([c, n], axis=1) for c, n in zip(cache, (k, v), strict=True)]
                if cache
                else [k, v]
            )
            weights = softmax(q @ cache[0].transpose(0, 2, 1) / np.sqrt(np.float32(width)))
            x = x + (weights @ cache[1]).reshape(1, -1) @ block[6] + block[7]
            x = x + self._mlp(layer_norm(x, block[10], block[11]), block)
        return layer_norm(x, self.gamma, self.beta) @ self.head

    @staticmethod
    def _mlp(x: Array, block: list[Array]) -> Array:
        return gelu(x @ block[12] + block[13]) @ block[14] + block[15]


def quantize_int8(x: Array) -> tuple[Array, float, int]:
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = (high - low) / 255
    zero_point = int(np.clip(round(-128 - low / scale), -128, 127))
    return np.clip(np.round(x / scale + zero_point), -128, 127).astype(np.int8), scale, zero_point


def magnitude_prune(weights: list[Array], sparsity: float) -> list[Array]:
    pruned = []
    for w in weights:
        threshold = np.percentile(np.abs(w), sparsity * 100)
        pruned.append(np.where(np.abs(w) < threshold, np.float32(0), w))
    return pruned
