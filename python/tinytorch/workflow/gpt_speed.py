"""How fast a language model reads prompts and writes, alone and for many requests at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..models.language import LanguageModel
from ..runtime import GptGenerator, GptSession

PRECISIONS = ("f32", "int8", "int4")
BATCHES = (1, 8, 32)


@dataclass(frozen=True)
class Setting:
    precision: str
    batch: int  # requests at once
    weight_bytes: int
    cache_bytes: int


@dataclass(frozen=True)
class GptSpeed(Setting):
    """Times are seconds of single requests, their percentiles over all requests of all runs.
    tokens_per_s: new tokens of all requests, from the first to the last; a median of runs."""

    prefill_tokens_per_s: float
    tokens_per_s: float
    first_token_p50: float
    first_token_p99: float
    between_tokens_p50: float
    between_tokens_p99: float


def measure(
    model: LanguageModel,
    precision: str,
    batch: int,
    *,
    prompt: int,
    new: int,
    runs: int,
    seed: int = 0,
) -> GptSpeed:
    """`runs` times `batch` requests, each with `prompt` random tokens and `new` greedy ones.

    ValueError where these do not fit into the model's length.
    """
    most = model.config.max_length
    if prompt < 1 or new < 2 or prompt + new > most:
        raise ValueError(
            f"a prompt of {prompt} and {new} new tokens do not fit: needs at least 1 and 2, and "
            f"{most} positions hold both"
        )
    session = model.session(precision)
    draws = np.random.default_rng(seed)
    prompts = draws.integers(0, model.config.vocabulary, (runs + 1, batch, prompt))
    timings: list[list[Any]] = []
    cache = 0
    for rows in prompts:  # the first run warms up
        generator = _generator(session, batch, prompt + new)
        requests = generator.generate_batch(list(rows), temperature=0.0, max_new_tokens=new)
        timings.append([r.timing for r in requests])
        cache = generator.cache_nbytes
        generator.close()
    return _summary(timings[1:], Setting(precision, batch, session.nbytes, cache))


def _generator(session: GptSession, batch: int, capacity: int) -> GptGenerator:
    return GptGenerator(
        session, max_running=batch, kept=0, capacity=capacity, prompt_tokens=1 << 20,
        share_prefixes=False,
    )  # fmt: skip


def _summary(runs: list[list[Any]], of: Setting) -> GptSpeed:
    each = [t for run in runs for t in run]
    first = np.array([t.first_token for t in each])
    between = np.concatenate([t.between_tokens for t in each])
    prefill, decode = [], []
    for run in runs:
        ready = max(t.first_token for t in run)
        prefill.append(sum(t.prompt_tokens for t in run) / ready)
        written = sum(len(t.token_times) - 1 for t in run)
        decode.append(written / (max(t.token_times[-1] for t in run) - ready))
    return GptSpeed(
        **asdict(of),
        prefill_tokens_per_s=float(np.median(prefill)),
        tokens_per_s=float(np.median(decode)),
        first_token_p50=float(np.percentile(first, 50)),
        first_token_p99=float(np.percentile(first, 99)),
        between_tokens_p50=float(np.percentile(between, 50)),
        between_tokens_p99=float(np.percentile(between, 99)),
    )
