"""Optimizers, learning-rate schedules and gradient clipping."""

from ..core._clip import clip_grad_norm, clip_grad_value
from ..core.optimizers import SGD, Adam, AdamW, Optimizer
from .groups import Groups
from .muon import Muon
from .schedules import (
    ConstantSchedule,
    CosineSchedule,
    OneCycleSchedule,
    StepSchedule,
    WarmupSchedule,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ConstantSchedule",
    "CosineSchedule",
    "Groups",
    "Muon",
    "OneCycleSchedule",
    "Optimizer",
    "StepSchedule",
    "WarmupSchedule",
    "clip_grad_norm",
    "clip_grad_value",
]
