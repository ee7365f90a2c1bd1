"""Where the order of a `DataLoader` comes from, and how it is found again when training resumes.

A source is the module `random` (the course's behaviour: its global state), a `random.Random`, or
the engine's `Generator`. `capture` gives its state as plain JSON values; `replay` gives an
independent source in that state.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .. import _core

Source = Any  # the module `random`, random.Random or _core.Generator

EPOCH_STRIDE = 1 << 40  # positions of a seeded stream that one epoch may use


def check_source(source: Source) -> None:
    if not isinstance(source, (random.Random, _core.Generator)):
        raise TypeError(
            "generator must be a random.Random or a tinytorch.engine.Generator, got "
            f"{type(source).__name__}"
        )


def seeded(seed: int, epoch: int) -> Source:
    """The source of one epoch: a function of (seed, epoch) alone."""
    source = _core.Generator(seed)
    source.position = epoch * EPOCH_STRIDE
    return source


def permutation(source: Source, count: int) -> list[int]:
    if isinstance(source, _core.Generator):
        drawn: list[int] = source.permutation(count).tolist()
        return drawn
    indices = list(range(count))
    source.shuffle(indices)
    return indices


def draw_seed(source: Source) -> int:
    """A number for the random draws of an epoch's samples."""
    if isinstance(source, _core.Generator):
        return int(source.below(1 << 62))
    return int(source.getrandbits(62))


def capture(source: Source) -> dict[str, Any]:
    if isinstance(source, _core.Generator):
        return {"kind": "engine", "seed": source.seed, "position": source.position}
    version, words, gauss = source.getstate()
    return {"kind": "python", "version": version, "words": list(words), "gauss": gauss}


def restore(source: Source, state: dict[str, Any]) -> None:
    engine = isinstance(source, _core.Generator)
    if state["kind"] != ("engine" if engine else "python"):
        raise ValueError(f"the saved order comes from a generator of kind {state['kind']!r}")
    if engine:
        source.manual_seed(state["seed"])
        source.position = state["position"]
    else:
        source.setstate((state["version"], tuple(state["words"]), state["gauss"]))


def replay(state: dict[str, Any]) -> Source:
    source = _core.Generator() if state["kind"] == "engine" else random.Random()
    restore(source, state)
    return source


def sample_generator(seed: int, epoch: int, index: int) -> np.random.RandomState:
    """Random numbers for one sample: a function of the three numbers, whichever thread asks.

    A RandomState, because its streams are frozen and it has the functions of `np.random`.
    """
    words = np.array([seed & (2**64 - 1), 0x746F726368], np.uint64)
    return np.random.RandomState(np.random.Philox(counter=[0, 0, index, epoch], key=words))
