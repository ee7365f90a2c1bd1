"""Optimizers, learning-rate schedules and gradient clipping."""

from ..core._clip import clip_grad_norm, clip_grad_value
from ..core.optimizers import SGD, Adam, AdamW, Optimizer
from .schedules import ConstantSchedule, CosineSchedule, StepSchedule, WarmupSchedule

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ConstantSchedule",
    "CosineSchedule",
    "Optimizer",
    "StepSchedule",
    "WarmupSchedule",
    "clip_grad_norm",
    "clip_grad_value",
]
