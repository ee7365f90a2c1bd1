"""How a GPT's speed depends on the length of its text and on how many texts are written at once.

    python benchmarks/gpt_scaling.py --model gpt2 --json benchmarks/results/gpt/scaling.json

context   tokens per second at a length: with the cache (one new position), and without (the whole
          text anew)
batches   sequences at once: seconds between tokens of one (p50, p99), tokens per second of all, and
          what a step computes and reads, for a roofline with the machine's measured limits

Weights are random: speed does not depend on them. `gpt2` is GPT-2's smallest, 124 million weights;
`char` nanoGPT's of 10.7 million. --seconds is for each point; nothing else should run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from contender import revision
from tinytorch import _core
from tinytorch.models.gpt import GptConfig
from tinytorch.roofline import measure_limits
from tinytorch.runtime import GptSession

MODELS = {
    "gpt2": GptConfig(vocabulary=50257, width=768, heads=12, layers=12, max_length=1024),
    "char": GptConfig(vocabulary=65, width=384, heads=6, layers=6, max_length=256),
}
PRECISIONS = ("f32", "int8", "int4")
BATCHES = (1, 2, 4, 8, 16, 32)
START = 64  # positions that every sequence of a batch begins with
MOST = 400  # calls of a point


def timed(call: Callable[[], object], seconds: float) -> np.ndarray:
    """Seconds of each call, after one to warm up: at least three calls, then until time is up."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < MOST):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return np.array(times)


def by_context(session: GptSession, lengths: list[int], seconds: float) -> list[dict[str, Any]]:
    rows = []
    ids = np.arange(session.max_length) % session.vocabulary
    for length in lengths:
        sequence = session.sequence()
        session.append([sequence], [ids[: length - 1]])

        def cached(sequence: Any = sequence, length: int = length) -> None:
            sequence.truncate(length - 1)
            session.append([sequence], [ids[length - 1 : length]])

        def anew(sequence: Any = sequence, length: int = length) -> None:
            sequence.truncate(0)
            session.append([sequence], [ids[:length]])

        row = {"length": length, "cached": 1 / float(np.median(timed(cached, seconds)))}
        row["anew"] = 1 / float(np.median(timed(anew, seconds)))
        rows.append(row)
    return rows


def by_batch(session: GptSession, batch: int, seconds: float) -> dict[str, Any]:
    room = min(session.max_length, START + MOST + 1)
    sequences = [session.sequence(room) for _ in range(batch)]
    ids = np.arange(START) % session.vocabulary
    session.append(sequences, [ids] * batch)
    one = [np.array([7])] * batch

    def step() -> None:
        if sequences[0].length >= room:
            for sequence in sequences:
                sequence.truncate(START)
        session.append(sequences, one)

    times = timed(step, seconds)
    c = session.config
    weights = c.layers * 12 * c.width**2 + c.vocabulary * c.width
    cache_width = {"f32": 4, "f16": 2}[session.cache]
    cached = 2 * c.layers * c.width * (START + len(times) / 2)
    return {
        "precision": session.precision,
        "batch": batch,
        "between_p50": float(np.percentile(times, 50)),
        "between_p99": float(np.percentile(times, 99)),
        "tokens_per_s": batch / float(np.median(times)),
        "operations": 2 * batch * (weights + cached),
        "bytes": session.nbytes + batch * cached * cache_width,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="gpt2")
    parser.add_argument("--threads", type=int, default=_core.num_threads())
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    _core.set_num_threads(args.threads)
    config = MODELS[args.model]
    draws = np.random.default_rng(0)
    weights = {
        name: 0.02 * draws.standard_normal(shape, np.float32)
        for name, shape in config.required().items()
    }
    limits = measure_limits()
    lengths = [n for n in (2, 16, 64, 128, 256, 512, 768, 1024) if n <= config.max_length]
    context: dict[str, Any] = {}
    batches: list[dict[str, Any]] = []
    for precision in track(PRECISIONS, "measuring"):
        session = GptSession(weights, config, precision=precision)
        context[precision] = by_context(session, lengths, args.seconds)
        batches += [by_batch(session, batch, args.seconds) for batch in BATCHES]
    found = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": revision(),
        "command": f"python benchmarks/gpt_scaling.py --model {args.model}",
        "isa": _core.active_isa(),
        "threads": args.threads,
        "model": dataclasses.asdict(config),
        "limits": dataclasses.asdict(limits),
        "context": context,
        "batches": batches,
    }
    for row in batches:
        print(
            f"{row['precision']}, {row['batch']} at once: {row['tokens_per_s']:,.0f} tokens/s, "
            f"{1e3 * row['between_p50']:.2f} ms between (p99 {1e3 * row['between_p99']:.2f})"
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
