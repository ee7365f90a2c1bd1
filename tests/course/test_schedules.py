"""Learning-rate schedules (contract 9.1)."""

import math

import pytest

from tinytorch import CosineSchedule, optim


def test_cosine():
    schedule = CosineSchedule(max_lr=1.0, min_lr=0.2, total_epochs=10)
    assert (schedule.max_lr, schedule.min_lr, schedule.total_epochs) == (1.0, 0.2, 10)
    for epoch in range(10):
        expected = 0.2 + 0.8 * (1 + math.cos(math.pi * epoch / 10)) / 2
        assert schedule.get_lr(epoch) == pytest.approx(expected)
        assert type(schedule.get_lr(epoch)) is float
    assert schedule.get_lr(0) == 1.0
    assert schedule.get_lr(10) == schedule.get_lr(1000) == 0.2
    default = CosineSchedule()
    assert (default.max_lr, default.min_lr, default.total_epochs) == (0.1, 0.01, 100)
    assert optim.CosineSchedule is CosineSchedule
    assert CosineSchedule(total_epochs=0).get_lr(0) == 0.01


def test_step():
    schedule = optim.StepSchedule(1.0, step_size=3, gamma=0.5)
    assert [schedule.get_lr(e) for e in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    with pytest.raises(ValueError, match="step_size"):
        optim.StepSchedule(1.0, 0)


def test_warmup():
    schedule = optim.WarmupSchedule(optim.StepSchedule(1.0, 1, 0.5), warmup=3)
    assert [schedule.get_lr(e) for e in range(6)] == [0.25, 0.5, 0.75, 1.0, 0.5, 0.25]
    assert optim.WarmupSchedule(optim.ConstantSchedule(0.3), 0).get_lr(0) == 0.3
    with pytest.raises(ValueError, match="warmup"):
        optim.WarmupSchedule(optim.ConstantSchedule(0.3), -1)
