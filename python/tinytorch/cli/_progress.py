"""Progress bars of trainings that run one after the other; lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ._console import console

OnEpoch = Callable[[dict[str, Any]], Any]


@contextmanager
def training_bars() -> Iterator[Callable[[str, int], OnEpoch]]:
    """A function: (name, epochs) -> what to call with each finished epoch of that training."""
    bars = Progress(
        TextColumn("  {task.description:<28}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=console,
    )

    def start(name: str, epochs: int) -> OnEpoch:
        task = bars.add_task(name, total=epochs, said="")

        def on_epoch(row: dict[str, Any]) -> None:
            accuracy = row.get("val_accuracy")
            said = f"loss {row['train_loss']:.3f}"
            if accuracy is not None:
                said += f"  test {100 * accuracy:.1f} %"
            bars.update(task, completed=row["epoch"], said=said)

        return on_epoch

    with bars:
        yield start
