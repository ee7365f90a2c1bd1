"""Windows at random places of a text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinytorch.datasets import RandomWindows

IDS = np.arange(1000)


def test_windows_with_what_follows() -> None:
    loader = RandomWindows(IDS, 8, 5, 3, seed=1)
    batches = list(loader)
    assert len(batches) == len(loader) == 3
    for inputs, targets in batches:
        assert inputs.shape == targets.shape == (5, 8)
        assert inputs.dtype == np.int64
        np.testing.assert_array_equal(inputs + 1, targets)
        np.testing.assert_array_equal(np.diff(inputs, axis=1), 1)
    starts = np.concatenate([inputs[:, 0] for inputs, _ in batches])
    assert len(set(starts.tolist())) > 10


def test_every_place_can_be_drawn() -> None:
    loader = RandomWindows(np.arange(6), 4, 200, 1)
    starts = next(iter(loader))[0][:, 0]
    assert set(starts.tolist()) == {0, 1}


def test_epochs_differ_and_the_place_is_kept() -> None:
    whole = RandomWindows(IDS, 4, 2, 3, seed=7)
    rows = [inputs for _ in range(2) for inputs, _ in whole]
    assert not np.array_equal(rows[0], rows[3])
    begun = RandomWindows(IDS, 4, 2, 3, seed=7)
    list(itertools.islice(begun, 2))
    resumed = RandomWindows(IDS, 4, 2, 3, seed=7)
    resumed.load_state_dict(begun.state_dict())
    rest = [inputs for inputs, _ in resumed]
    assert len(rest) == 1
    np.testing.assert_array_equal(rest[0], rows[2])
    with pytest.raises(ValueError, match="seed"):
        RandomWindows(IDS, 4, 2, 3, seed=8).load_state_dict(begun.state_dict())


def test_refuses_what_holds_no_window() -> None:
    with pytest.raises(ValueError, match="hold no window"):
        RandomWindows(np.arange(4), 4, 1, 1)
    with pytest.raises(ValueError, match="batch_size"):
        RandomWindows(IDS, 4, 0, 1)
    with pytest.raises(ValueError, match="integers"):
        RandomWindows(IDS * 0.5, 4, 1, 1)
