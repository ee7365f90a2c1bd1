"""Sampling tokens from a language model, one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .autograd import no_grad
from .tensor import Tensor


def sample_tokens(model: Any, prompt: Any, count: int, temperature: float) -> Tensor:
    """`prompt` (B, S) and `count` sampled tokens behind it; (B, S + count), float32 ids.

    A model with an enabled key-value cache reads the prompt once and then one token per step.
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    tokens = np.array(prompt.data if isinstance(prompt, Tensor) else prompt, dtype=np.float32)
    if tokens.ndim != 2:
        raise ValueError(f"the prompt must have shape (1, S), got {tokens.shape}")
    cache = model._kv_cache if getattr(model, "_cache_enabled", False) else None
    with no_grad():
        decoder = None
        for step in range(count):
            if step == 1 and cache is not None and len(tokens) == 1:
                decoder = _decoder_for(model, cache)
            if decoder is None or cache is None:
                logits = _last_logits(model, tokens, cache, first=step == 0)
            else:
                logits = decoder.step(int(tokens[0, -1]), cache.seq_pos)[None]
                cache.advance()
            new = [_choose(row, temperature) for row in logits]
            tokens = np.concatenate([tokens, np.array(new, dtype=np.float32)[:, None]], axis=1)
    return Tensor(tokens)


def _decoder_for(model: Any, cache: Any) -> Any:
    from ..perf._native_decoding import decoder_for  # knows GPT, which is made of this package's

    return decoder_for(model, cache)


def _last_logits(model: Any, tokens: np.ndarray, cache: Any, first: bool) -> np.ndarray:
    """Logits (B, vocabulary) of the token that follows `tokens`."""
    if cache is not None and first:
        cache.reset()
    given = tokens if cache is None or first else tokens[:, -1:]
    logits: np.ndarray = model.forward(Tensor(given)).data[:, -1]
    if cache is not None:
        for _ in range(given.shape[1]):
            cache.advance()
    return logits


def _choose(logits: np.ndarray, temperature: float) -> int:
    if temperature == 0:
        return int(np.argmax(logits))
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return int(np.random.choice(len(weights), p=weights / weights.sum()))
