"""Learning-rate schedules: `get_lr(epoch)` is the rate of an epoch (or step), counted from 0.

A schedule keeps no state, so resuming needs only the epoch. `optimizer.lr = schedule.get_lr(epoch)`
applies it.
"""

from __future__ import annotations

from typing import Any

from ..core.training import CosineSchedule


class ConstantSchedule:
    """Always `lr`."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def get_lr(self, epoch: float) -> float:
        return float(self.lr)


class StepSchedule:
    """lr gamma^(epoch // step_size)"""

    def __init__(self, lr: float, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"step_size must be at least 1, got {step_size}")
        self.lr = lr
        self.step_size = step_size
        self.gamma = gamma

    def get_lr(self, epoch: float) -> float:
        return float(self.lr * self.gamma ** (epoch // self.step_size))


class WarmupSchedule:
    """Rise linearly within `warmup` epochs to the first rate of `after`, then follow `after`.

    Epoch e < warmup has the rate after.get_lr(0) (e + 1) / (warmup + 1) (Goyal et al. 2017).
    """

    def __init__(self, after: Any, warmup: int) -> None:
        if warmup < 0:
            raise ValueError(f"warmup must not be negative, got {warmup}")
        self.after = after
        self.warmup = warmup

    def get_lr(self, epoch: float) -> float:
        if epoch < self.warmup:
            return float(self.after.get_lr(0) * (epoch + 1) / (self.warmup + 1))
        return float(self.after.get_lr(epoch - self.warmup))


__all__ = ["ConstantSchedule", "CosineSchedule", "StepSchedule", "WarmupSchedule"]
