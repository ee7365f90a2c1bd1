"""The allocator's counters: live bytes return to where they were, peak and allocations count."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from tinytorch import Tensor, engine
from tinytorch.core.autograd import no_grad

F = engine.ops


def live() -> int:
    gc.collect()
    return engine.memory_stats()["live_bytes"]


def train_a_little() -> None:
    x = Tensor(np.ones((16, 32)))
    w = Tensor(np.ones((32, 8)) * 0.1, requires_grad=True)
    for _ in range(3):
        loss = F.cross_entropy(F.relu(x @ w), Tensor(np.zeros(16)))
        loss.backward()
        w.data = w.data - 0.1 * w.grad
        w.zero_grad()


def test_live_bytes_return_to_the_start() -> None:
    train_a_little()  # thread-local buffers and caches are made once
    before = live()
    for _ in range(5):
        train_a_little()
    assert live() == before


def test_live_bytes_return_after_errors() -> None:
    a, b = Tensor(np.ones((2, 3))) * 1, Tensor(np.ones((4, 5))) * 1
    before = live()
    for _ in range(10):
        with pytest.raises(ValueError, match="Inner"):
            a @ b
        with pytest.raises(ValueError, match="broadcast"):
            a + b
        with pytest.raises(IndexError):
            F.cross_entropy(a, Tensor([9.0, 9.0]))
    assert live() == before


def test_peak_and_count() -> None:
    x = Tensor(np.ones(1000)) * 1
    engine.reset_peak_memory()
    start = engine.memory_stats()
    assert start["peak_bytes"] == start["live_bytes"]
    with no_grad():
        y = x + 1
        z = y + 1
        del y
    now = engine.memory_stats()
    assert now["live_bytes"] == start["live_bytes"] + 4000
    assert now["peak_bytes"] == start["live_bytes"] + 8000 + 4  # and the 1.0 being added
    assert now["allocations"] - start["allocations"] == 4
    del z
    assert engine.memory_stats()["live_bytes"] == start["live_bytes"]


def test_intermediate_results_are_freed_as_early_as_the_graph_allows() -> None:
    x = Tensor(np.ones(100_000), requires_grad=True)
    engine.reset_peak_memory()
    start = engine.memory_stats()["live_bytes"]
    y = x
    for _ in range(20):
        y = y + x  # additions keep nothing
    assert engine.memory_stats()["peak_bytes"] - start <= 3 * 400_000


def test_freed_blocks_are_reused() -> None:
    engine.empty_memory_cache()
    assert engine.memory_stats()["cached_bytes"] == 0
    for _ in range(3):
        _ = Tensor(np.ones(50_000)) * 1
    del _
    cached = engine.memory_stats()["cached_bytes"]
    assert 200_000 <= cached < 600_000
    _ = Tensor(np.ones(50_000)) * 1
    assert engine.memory_stats()["cached_bytes"] < cached
    engine.empty_memory_cache()
    assert engine.memory_stats()["cached_bytes"] == 0


@pytest.mark.parametrize("size", [2**40, 2**50])
def test_more_than_the_machine_has_is_refused_at_once(size: int) -> None:
    """Also where the system would promise it: it is refused before a page is touched."""
    before = live()
    for make in (
        lambda: engine.Generator(0).uniform(size),
        lambda: F.expand(Tensor(1.0), size) + 1,
    ):
        with pytest.raises(MemoryError, match=f"cannot allocate {4 * size} bytes .*iB.*hold"):
            make()
    assert live() == before


def test_expanding_copies_no_more_than_there_is() -> None:
    x = Tensor(np.ones(3))
    before = live()
    y = F.expand(x, (1_000_000, 3))
    assert live() - before <= 3 * 4
    x.data[0] = 7
    assert y.data[5, 0] == 1
