"""Training that can be stopped at any moment and goes on as if it had not been.

    trainer = Trainer(model, Adam(model.parameters()), CrossEntropyLoss(), folder="run")
    trainer.fit(train_loader, epochs=20, validation=test_loader, resume=True)

With a `folder` the whole state is saved after every epoch (or every so many steps): parameters and
buffers, optimizer, schedule position, random generators, place in the data, history. A training
resumed from it, after Ctrl-C, a crash or `kill -9`, ends with the very bits that an undisturbed one
would have. (The course's simpler trainer is `tinytorch.Trainer`.)
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

import numpy as np

from . import _train_state as parts
from ._progress import Silent, progress
from ._train_average import WeightAverage
from ._train_metrics import Evaluation, Totals, array_of
from .checkpoint import load_latest, save_checkpoint
from .core._autocast import autocast
from .core._clip import clip_grad_norm, clip_grad_value
from .core._module import set_training
from .core.autograd import no_grad

__all__ = ["EarlyStop", "Evaluation", "Trainer", "WeightAverage"]


@dataclass
class EarlyStop:
    """Stop when `patience` epochs in a row brought no better `monitor`.

    `monitor` is "loss" (lower is better) or "accuracy" (higher is), of the validation data where
    there is some, else of the training data; better means by more than `min_delta`. With
    `restore_best` the model ends with its state of the best epoch.
    """

    monitor: str = "loss"
    patience: int = 5
    min_delta: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        if self.monitor not in ("loss", "accuracy"):
            raise ValueError(f'monitor must be "loss" or "accuracy", got {self.monitor!r}')
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1, got {self.patience}")

    def value(self, row: dict[str, Any]) -> float:
        """What is watched, negated where higher is better."""
        part = "val" if "val_loss" in row else "train"
        value: float | None = row[f"{part}_{self.monitor}"]
        if value is None:
            raise ValueError("early stop watches the accuracy, but these targets have none")
        return -value if self.monitor == "accuracy" else value


class Trainer:
    """Trains `model` with `optimizer` on batches (inputs, targets).

    Args:
        model: has `forward` and `parameters`; `state_dict` where it has more to keep.
        optimizer: one of `tinytorch.optim`.
        loss: has `forward(outputs, targets)`, the mean over the batch.
        schedule: has `get_lr(n)`, asked before each epoch n (from 0), or before each update n with
            `schedule_by="step"`.
        clip_norm, clip_value: bounds of the global gradient norm and of each gradient element.
        accumulate: batches whose mean gradient makes one update.
        early_stop: an `EarlyStop`.
        precision: "f32", or "bf16" for forward passes within `autocast`; weights stay float32.
        average: a `WeightAverage`, whose values are what is evaluated and, when all epochs are
            done, what the model ends with.
        folder: where checkpoints go. `save_every` is "epoch" or a number of updates (after every
            epoch too); `keep` of them stay.
        progress: True (a bar in a terminal, else a line per epoch), "bar", "plain" or False.
        on_epoch: called with each finished row of the history.

    Attributes:
        history: a dict per epoch: epoch (from 1), train_loss, train_accuracy, val_loss,
            val_accuracy (with validation data), lr.
        epoch, step: finished epochs and updates.
        seconds: time spent in the epochs, without evaluation; epoch_seconds: at the end of each.
        stopped: None, "early" or "interrupted".
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any,
        *,
        schedule: Any = None,
        schedule_by: str = "epoch",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        early_stop: EarlyStop | None = None,
        precision: str = "f32",
        average: WeightAverage | None = None,
        folder: str | os.PathLike[str] | None = None,
        save_every: str | int = "epoch",
        keep: int = 2,
        progress: bool | str = True,
        on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        if schedule_by not in ("epoch", "step"):
            raise ValueError(f'schedule_by must be "epoch" or "step", got {schedule_by!r}')
        if accumulate < 1:
            raise ValueError(f"accumulate must be at least 1, got {accumulate}")
        if precision not in ("f32", "bf16"):
            raise ValueError(f'precision must be "f32" or "bf16", got {precision!r}')
        if save_every != "epoch" and (not isinstance(save_every, int) or save_every < 1):
            raise ValueError(f'save_every must be "epoch" or at least 1, got {save_every!r}')
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.schedule = schedule
        self.schedule_by = schedule_by
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.accumulate = accumulate
        self.early_stop = early_stop
        self.precision = precision
        self.average = average
        self.folder = folder
        self.save_every = save_every
        self.keep = keep
        self.progress = progress
        self.on_epoch = on_epoch
        self.epoch = 0
        self.step = 0
        self.seconds = 0.0
        self.epoch_seconds: list[float] = []
        self.history: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self._since = 0.0  # the clock when `seconds` was right
        self._totals: Totals | None = None  # of an epoch that is under way
        self._best: dict[str, Any] = {"value": None, "epoch": 0, "waited": 0}
        self._best_model: dict[str, np.ndarray] = {}

    # ---- the loop --------------------------------------------------------------------------

    def fit(
        self, train: Any, epochs: int, validation: Any = None, *, resume: bool = False
    ) -> list[dict[str, Any]]:
        """Train until `epochs` epochs are done in all; returns `history`.

        With `resume`, first goes to the newest whole checkpoint in `folder`, if there is one.
        `train` is a DataLoader, or any iterable of batches that gives the same ones each time (its
        place is then found again by counting).

        Ctrl-C ends the training after the running update, with a checkpoint if there is a folder:
        `stopped` is "interrupted". A second Ctrl-C interrupts at once.

        Raises FloatingPointError when the loss is no longer finite; nothing is saved from then on.
        ValueError if the checkpoint is of another model, optimizer or loader.
        """
        if resume:
            self.restore(train)
        if self.stopped == "interrupted":
            self.stopped = None
        shown = progress(self.progress)
        with contextlib.closing(shown), _ctrl_c() as interrupt:
            while self.epoch < epochs and self.stopped is None:
                self._begin_epoch(train, epochs, shown)
                if self._run_epoch(train, interrupt, shown):
                    self._end_epoch(train, validation, shown)
                if interrupt.is_set() and self.stopped is None:
                    self.stopped = "interrupted"
                    shown.note(self._interrupted_note())
        if self.average is not None and self.stopped is None:
            self.average.copy_to(self.model)
        return self.history

    def evaluate(self, loader: Iterable[Any]) -> Evaluation:
        """Loss and accuracy over `loader`, in evaluation mode and without gradients."""
        totals = Totals()
        self._set_mode(False)
        try:
            with no_grad():
                for inputs, targets in loader:
                    outputs = self.model.forward(inputs)
                    loss = float(np.asarray(self.loss.forward(outputs, targets).data))
                    totals.add(loss, outputs, targets)
        finally:
            self._set_mode(True)
        return totals.means()

    def _begin_epoch(self, train: Any, epochs: int, shown: Silent) -> None:
        self._totals = self._totals or Totals()
        if self.schedule is not None and self.schedule_by == "epoch":
            self.optimizer.lr = self.schedule.get_lr(self.epoch)
        self._set_mode(True)
        batches = len(train) if hasattr(train, "__len__") else None
        shown.begin_epoch(self.epoch + 1, epochs, batches, self._totals.batches)

    def _run_epoch(self, train: Any, interrupt: threading.Event, shown: Silent) -> bool:
        """The rest of the epoch; False if Ctrl-C ended it."""
        totals = self._totals
        assert totals is not None
        self._since = time.perf_counter()
        for inputs, targets in self._batches(train, totals.batches):
            self._forward_backward(inputs, targets, totals)
            shown.batch(*totals.means())
            if totals.batches % self.accumulate:
                continue
            self._update(self.accumulate)
            if interrupt.is_set():
                self.save(train)
                return False
            if isinstance(self.save_every, int) and self.step % self.save_every == 0:
                self.save(train)
        if totals.batches % self.accumulate:
            self._update(totals.batches % self.accumulate)
        return True

    def _end_epoch(self, train: Any, validation: Any, shown: Silent) -> None:
        assert self._totals is not None
        loss, accuracy = self._totals.means()
        self._totals = None
        self.epoch += 1
        self.epoch_seconds.append(self.seconds)
        row = {"epoch": self.epoch, "train_loss": loss, "train_accuracy": accuracy}
        if validation is not None:
            with self._averaged():
                row["val_loss"], row["val_accuracy"] = self.evaluate(validation)
        row["lr"] = float(self.optimizer.lr)
        self.history.append(row)
        shown.end_epoch(row)
        if self.early_stop is not None:
            self._watch(self.early_stop, row, shown)
        self.save(train)
        if self.on_epoch is not None:
            self.on_epoch(row)

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        average = self.average
        return contextlib.nullcontext() if average is None else average.applied(self.model)

    @staticmethod
    def _batches(train: Any, done: int) -> Iterator[Any]:
        if callable(getattr(train, "load_state_dict", None)):
            return iter(train)  # it knows its place
        return itertools.islice(train, done, None)

    def _forward_backward(self, inputs: Any, targets: Any, totals: Totals) -> None:
        with autocast() if self.precision == "bf16" else contextlib.nullcontext():
            outputs = self.model.forward(inputs)
            loss = self.loss.forward(outputs, targets)
        value = float(np.asarray(loss.data))
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} in epoch {self.epoch + 1}, batch {totals.batches + 1}; try a "
                "lower learning rate or clip_norm"
            )
        if self.accumulate == 1:
            loss.backward(free_graph=True)
        else:
            share = np.full(loss.shape, 1.0 / self.accumulate, np.float32)
            loss.backward(share, free_graph=True)
        totals.add(value, outputs, targets)

    def _update(self, batches: int) -> None:
        """One step with the gradients of `batches` batches, which hold 1 / accumulate of each."""
        if batches != self.accumulate:
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    scale = np.float32(self.accumulate / batches)
                    parameter.grad = array_of(parameter.grad) * scale
        if self.clip_value is not None:
            clip_grad_value(self.model.parameters(), self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm(self.model.parameters(), self.clip_norm)
        if self.schedule is not None and self.schedule_by == "step":
            self.optimizer.lr = self.schedule.get_lr(self.step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        if self.average is not None:
            self.average.update(self.model)

    def _watch(self, rule: EarlyStop, row: dict[str, Any], shown: Silent) -> None:
        value, best = rule.value(row), self._best
        if best["value"] is None or value < best["value"] - rule.min_delta:
            best.update(value=value, epoch=row["epoch"], waited=0)
            if rule.restore_best:
                self._best_model = parts.model_state(self.model)
            return
        best["waited"] += 1
        if best["waited"] >= rule.patience:
            self.stopped = "early"
            if rule.restore_best:
                parts.set_model_state(self.model, self._best_model)
            shown.note(f"stopped early: no better {rule.monitor} since epoch {best['epoch']}")

    def _set_mode(self, training: bool) -> None:
        set_training(self.model, training)

    def _interrupted_note(self) -> str:
        where = f"after {self.step} steps, in epoch {self.epoch + 1}"
        if self.folder is None:
            return f"interrupted {where}"
        return f"interrupted {where}; the state is in {os.fspath(self.folder)}"

    # ---- its state -------------------------------------------------------------------------

    def save(self, train: Any) -> None:
        """Write a checkpoint of the state between two updates; nothing without a `folder`."""
        if self.folder is None:
            return
        tensors = {f"model.{name}": array for name, array in parts.model_state(self.model).items()}
        tensors.update({f"best.{name}": array for name, array in self._best_model.items()})
        if self.average is not None:
            tensors.update({f"average.{name}": a for name, a in self.average.arrays.items()})
        has_state = callable(getattr(train, "state_dict", None))
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": [*self.epoch_seconds, self.seconds],
            "stopped": self.stopped,
            "history": self.history,
            "totals": None if self._totals is None else asdict(self._totals),
            "best": self._best,
            "optimizer": parts.optimizer_state(self.optimizer),
            "optimizer_class": type(self.optimizer).__name__,
            "loader": train.state_dict() if has_state else None,
            "random": parts.random_state(),
        }
        save_checkpoint(self.folder, tensors, state, keep=self.keep)

    def restore(self, train: Any) -> bool:
        """Go to the newest whole checkpoint in `folder`; False where there is none."""
        if self.folder is None:
            raise ValueError("resuming needs a folder: Trainer(..., folder=...)")
        found = load_latest(self.folder)
        if found is None:
            return False
        state = found.state
        kind = type(self.optimizer).__name__
        if state["optimizer_class"] != kind:
            raise ValueError(
                f"the checkpoint has a state of {state['optimizer_class']}, the optimizer is {kind}"
            )
        if state["loader"] is not None:
            train.load_state_dict(state["loader"])
        parts.set_model_state(self.model, _below("model.", found.tensors))
        parts.set_optimizer_state(self.optimizer, state["optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.history = state["history"]
        self.stopped = state["stopped"]
        self._totals = None if state["totals"] is None else Totals(**state["totals"])
        *self.epoch_seconds, self.seconds = state.get("seconds") or [0.0] * (self.epoch + 1)
        self._best = state["best"]
        self._best_model = _below("best.", found.tensors)
        if self.average is not None:
            self.average.restore(_below("average.", found.tensors), self.step)
        parts.set_random_state(state["random"])
        return True


def _below(prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    cut = len(prefix)
    return {name[cut:]: array for name, array in tensors.items() if name.startswith(prefix)}


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one acts as usual. Main thread only."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
