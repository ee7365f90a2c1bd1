"""The training loop of the course: Trainer, CosineSchedule and gradient clipping by norm."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ._clip import clip_grad_norm
from ._module import set_training
from .layers import Linear
from .losses import CrossEntropyLoss, MeanSquaredError, MSELoss
from .optimizers import SGD, AdamW
from .tensor import Tensor

DEFAULT_MAX_LR = 0.1
DEFAULT_MIN_LR = 0.01
DEFAULT_TOTAL_EPOCHS = 100


class CosineSchedule:
    """min + (max - min) (1 + cos(pi epoch / total)) / 2, then min (Loshchilov & Hutter 2017)."""

    def __init__(
        self,
        max_lr: float = DEFAULT_MAX_LR,
        min_lr: float = DEFAULT_MIN_LR,
        total_epochs: int = DEFAULT_TOTAL_EPOCHS,
    ) -> None:
        self.max_lr = max_lr
        self.min_lr = min_lr
        self.total_epochs = total_epochs

    def get_lr(self, epoch: float) -> float:
        if epoch >= self.total_epochs:
            return float(self.min_lr)
        cosine = (1 + math.cos(math.pi * epoch / self.total_epochs)) / 2
        return float(self.min_lr + (self.max_lr - self.min_lr) * cosine)


class Trainer:
    """Train `model` on pairs (inputs, targets) and evaluate it.

    `scheduler` has `get_lr(epoch)` and is asked after each epoch; `grad_clip_norm` bounds the
    global gradient norm before each update.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss_fn: Any = None,
        scheduler: Any = None,
        grad_clip_norm: float | None = None,
        **ignored: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = MSELoss() if loss_fn is None else loss_fn
        self.scheduler = scheduler
        self.grad_clip_norm = grad_clip_norm
        self.epoch = 0
        self.step = 0
        self.training_mode = True
        self.history: dict[str, list[float]] = {
            "train_loss": [],
            "eval_loss": [],
            "learning_rates": [],
        }

    def train_epoch(self, dataloader: Any, accumulation_steps: int = 1) -> float:
        """One pass over `dataloader`; the mean loss per update, also put into `history`.

        Gradients of `accumulation_steps` batches are summed before an update, which counts one
        step; a last partial group is applied too, without counting. An update's loss is the sum
        over its group divided by `accumulation_steps`.
        """
        steps = operator.index(accumulation_steps)
        if steps < 1:
            raise ValueError(f"accumulation_steps must be at least 1, got {steps}")
        self._set_mode(True)
        losses: list[float] = []
        group, in_group = 0.0, 0
        for inputs, targets in dataloader:
            group += self._accumulate(inputs, targets, steps)
            in_group += 1
            if in_group == steps:
                self._update()
                self.step += 1
                losses.append(group)
                group, in_group = 0.0, 0
        if in_group:
            self._update()
            losses.append(group)
        average = sum(losses) / len(losses) if losses else 0.0
        self.history["train_loss"].append(average)
        if self.scheduler is not None:
            self.optimizer.lr = self.scheduler.get_lr(self.epoch)
            self.history["learning_rates"].append(self.optimizer.lr)
        self.epoch += 1
        return average

    def _accumulate(self, inputs: Any, targets: Any, steps: int) -> float:
        loss = self.loss_fn.forward(self.model.forward(inputs), targets)
        loss.backward()
        return _number(loss) / steps

    def _update(self) -> None:
        if self.grad_clip_norm is not None:
            clip_grad_norm(self.model.parameters(), self.grad_clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def evaluate(self, dataloader: Any) -> tuple[float, float]:
        """(mean loss per batch, accuracy); no updates. Accuracy is 0.0 where nothing is counted."""
        from .autograd import no_grad

        self._set_mode(False)
        total, correct, counted = 0.0, 0, 0
        with no_grad():
            for inputs, targets in dataloader:
                outputs = self.model.forward(inputs)
                total += _number(self.loss_fn.forward(outputs, targets))
                hits, rows = _count_hits(outputs, targets)
                correct += hits
                counted += rows
        batches = len(dataloader)
        average = total / batches if batches else 0.0
        self.history["eval_loss"].append(average)
        return average, correct / counted if counted else 0.0

    def _set_mode(self, training: bool) -> None:
        set_training(self.model, training)
        self.training_mode = training

    def save_checkpoint(self, path: Any) -> None:
        """Write the state of model, optimizer, schedule and history to one file, atomically.

        A pickle of plain data, the course's format; safetensors with JSON in its metadata where the
        name ends in ".safetensors".
        """
        from ._checkpoint import write

        write(
            path,
            {
                "epoch": self.epoch,
                "step": self.step,
                "model_state": self._get_model_state(),
                "optimizer_state": self._get_optimizer_state(),
                "scheduler_state": self._get_scheduler_state(),
                "history": self.history,
                "training_mode": self.training_mode,
            },
        )

    def load_checkpoint(self, path: Any) -> None:
        """Restore what `save_checkpoint` wrote. A pickle is read without running it."""
        from ._checkpoint import read

        state = read(path)
        if not isinstance(state, dict) or "model_state" not in state:
            raise ValueError(f"{path} is no trainer checkpoint: it has no model_state")
        self.epoch = int(state.get("epoch", 0))
        self.step = int(state.get("step", 0))
        self.history = state.get("history", self.history)
        self.training_mode = bool(state.get("training_mode", True))
        self._set_model_state(state["model_state"])
        self._set_optimizer_state(state.get("optimizer_state") or {})
        self._set_scheduler_state(state.get("scheduler_state"))

    def _get_model_state(self) -> dict[int, np.ndarray]:
        return {index: np.array(p.data) for index, p in enumerate(self.model.parameters())}

    def _set_model_state(self, state: dict[int, Any]) -> None:
        parameters = self.model.parameters()
        if len(state) != len(parameters):
            raise ValueError(
                f"checkpoint of {len(state)} parameters doesn't match the model's {len(parameters)}"
            )
        arrays = [np.array(state[index]) for index in range(len(parameters))]
        for index, (parameter, array) in enumerate(zip(parameters, arrays, strict=True)):
            if array.shape != tuple(parameter.shape):
                raise ValueError(
                    f"checkpoint parameter {index} has shape {array.shape}, "
                    f"the model's {parameter.shape}"
                )
        for parameter, array in zip(parameters, arrays, strict=True):
            parameter.data = array

    def _get_optimizer_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"lr": self.optimizer.lr}
        if hasattr(self.optimizer, "has_momentum"):
            if self.optimizer.has_momentum():
                state["momentum_buffers"] = self.optimizer.get_momentum_state()
        elif hasattr(self.optimizer, "state_dict"):  # Adam's moments
            state["state_dict"] = self.optimizer.state_dict()
        return state

    def _set_optimizer_state(self, state: dict[str, Any]) -> None:
        if "state_dict" in state and hasattr(self.optimizer, "load_state_dict"):
            self.optimizer.load_state_dict(state["state_dict"])
        if "lr" in state:
            self.optimizer.lr = state["lr"]
        if "momentum_buffers" in state and hasattr(self.optimizer, "set_momentum_state"):
            self.optimizer.set_momentum_state(state["momentum_buffers"])

    def _get_scheduler_state(self) -> dict[str, Any] | None:
        if self.scheduler is None:
            return None
        names = ("max_lr", "min_lr", "total_epochs")
        return {
            name: getattr(self.scheduler, name) for name in names if hasattr(self.scheduler, name)
        }

    def _set_scheduler_state(self, state: dict[str, Any] | None) -> None:
        if state is None or self.scheduler is None:
            return
        for name, value in state.items():
            if hasattr(self.scheduler, name):
                setattr(self.scheduler, name, value)


def _number(loss: Any) -> float:
    """The value of a loss of one element, whatever its shape: (), (1,), (1, 1)."""
    return float(np.asarray(loss.data).item())


def _count_hits(outputs: Any, targets: Any) -> tuple[int, int]:
    """(rows whose largest output is the target class, rows)."""
    scores = np.asarray(outputs.data)
    labels = np.asarray(targets.data if isinstance(targets, Tensor) else targets)
    if scores.ndim < 2:
        return 0, 0
    predicted = scores.argmax(axis=1)
    classes = labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(np.int64)
    if classes.shape != predicted.shape:
        return 0, 0
    return int(np.sum(predicted == classes)), len(classes)


__all__ = [
    "DEFAULT_MAX_LR",
    "DEFAULT_MIN_LR",
    "DEFAULT_TOTAL_EPOCHS",
    "SGD",
    "AdamW",
    "CosineSchedule",
    "CrossEntropyLoss",
    "Linear",
    "MSELoss",
    "MeanSquaredError",
    "Tensor",
    "Trainer",
    "clip_grad_norm",
]
