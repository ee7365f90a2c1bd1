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


class OneCycleSchedule:
    """Up and down once over `steps` updates, in straight lines (Smith and Topin 2018).

    From start * lr the rate rises to lr, which it has after the share `warmup` of the steps, then
    falls to end * lr at the last one.
    """

    def __init__(
        self, lr: float, steps: int, *, warmup: float = 0.25, start: float = 0.2, end: float = 0.0
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if not 0.0 <= warmup < 1.0:
            raise ValueError(f"warmup must be a share from 0 to below 1, got {warmup}")
        self.lr = lr
        self.steps = steps
        self.warmup = warmup
        self.start = start
        self.end = end

    def get_lr(self, step: float) -> float:
        at = min(step / max(1, self.steps - 1), 1.0)
        if at < self.warmup:
            return float(self.lr * (self.start + (1.0 - self.start) * at / self.warmup))
        return float(self.lr * (1.0 + (self.end - 1.0) * (at - self.warmup) / (1.0 - self.warmup)))


__all__ = [
    "ConstantSchedule",
    "CosineSchedule",
    "OneCycleSchedule",
    "StepSchedule",
    "WarmupSchedule",
]
