"""What a training shows while it runs: a bar where the terminal has one, else a line per epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


class Silent:
    """Shows nothing; also the interface of the others."""

    def begin_epoch(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        """Epoch `epoch` (from 1) begins, or goes on after `done` of its `batches`."""

    def batch(self, loss: float, accuracy: float | None) -> None:
        """A batch is done; the means so far."""

    def end_epoch(self, row: Mapping[str, Any]) -> None:
        """The epoch is done; `row` is its line of the history."""

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


class Plain(Silent):
    def __init__(self) -> None:
        self._epochs = 0

    def begin_epoch(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        self._epochs = epochs

    def end_epoch(self, row: Mapping[str, Any]) -> None:
        print(epoch_line(row, self._epochs), flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)


class Bar(Silent):
    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            transient=True,
        )
        self._task: Any = None
        self._all: Any = None
        self._epochs = 0

    def begin_epoch(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        self._epochs = epochs
        if self._all is None and batches is not None and epochs > 1:
            before = (epoch - 1) * batches + done
            self._all = self._bar.add_task(
                "all", total=epochs * batches, completed=before, figures=""
            )
        self._task = self._bar.add_task(
            f"epoch {epoch}/{epochs}", total=batches, completed=done, figures=""
        )
        self._bar.start()

    def batch(self, loss: float, accuracy: float | None) -> None:
        self._bar.update(self._task, advance=1, figures=_figures("", loss, accuracy))
        if self._all is not None:
            self._bar.update(self._all, advance=1)

    def end_epoch(self, row: Mapping[str, Any]) -> None:
        self._bar.remove_task(self._task)
        self._bar.console.print(epoch_line(row, self._epochs), highlight=False)

    def note(self, text: str) -> None:
        self._bar.console.print(text, highlight=False)

    def close(self) -> None:
        self._bar.stop()


def progress(kind: bool | str) -> Silent:
    """`kind`: False for nothing, "plain" for lines, "bar" for a bar, True for what fits."""
    if kind is False:
        return Silent()
    if kind not in (True, "plain", "bar"):
        raise ValueError(f'progress must be True, False, "plain" or "bar", got {kind!r}')
    if kind == "bar" or (kind is True and sys.stdout.isatty()):
        try:
            return Bar()
        except ImportError:
            if kind == "bar":
                raise
    return Plain()


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """ "epoch  3/20  loss 0.1234  accuracy  96.5 %  validation loss ..." """
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    parts.append(_figures("", row["train_loss"], row["train_accuracy"]))
    if "val_loss" in row:
        parts.append(_figures("validation ", row["val_loss"], row["val_accuracy"]))
    return "  ".join([*parts, f"lr {row['lr']:.3g}"])


def _figures(prefix: str, loss: float, accuracy: float | None) -> str:
    text = f"{prefix}loss {loss:.4f}"
    return text if accuracy is None else f"{text}  accuracy {100 * accuracy:5.1f} %"
