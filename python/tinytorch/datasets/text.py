"""Plain text: one file, split by position, and windows of tokens for language models."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.dataloader import Dataset
from ._folder import PathLike, find

EXCERPT = Path(__file__).with_name("shakespeare.txt")
_SHAKESPEARE = (
    "tinyshakespeare/input.txt, from "
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)


class TextFile:
    """A UTF-8 text: its first `train_share` for training, the rest for validation.

    Attributes: `text` (all of it, with line ends as in the file), `vocabulary` (its characters in
    order).
    """

    def __init__(self, path: str | os.PathLike[str], *, train_share: float = 0.9) -> None:
        if not 0.0 <= train_share <= 1.0:
            raise ValueError(f"train_share must be between 0 and 1, got {train_share}")
        self.path = Path(path)
        try:
            self.text = self.path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path} is not UTF-8 text: {error}") from error
        self.vocabulary = sorted(set(self.text))
        self._border = int(len(self.text) * train_share)

    def get_train_data(self) -> str:
        """The first part of the text."""
        return self.text[: self._border]

    def get_test_data(self) -> str:
        """The rest, which training does not see."""
        return self.text[self._border :]


class TinyShakespeare(TextFile):
    """The 1.1 million characters of "Tiny Shakespeare", 90 % for training, by position."""

    def __init__(self, root: PathLike | None = None) -> None:
        folder = find(
            "Tiny Shakespeare", root, ("tinyshakespeare", "."), ["input.txt"], _SHAKESPEARE
        )
        super().__init__(folder / "input.txt")


class ShakespeareExcerpt(TextFile):
    """The first 150,000 characters of "Tiny Shakespeare", shipped; 90 % for training."""

    def __init__(self) -> None:
        super().__init__(EXCERPT)


class TokenWindows(Dataset):
    """Windows of `length` tokens with the tokens that follow each: item i is

        (ids[i * step : i * step + length], ids[i * step + 1 : i * step + length + 1])

    Both int64, shape (length,). `step` defaults to `length`: windows side by side.
    """

    def __init__(
        self, ids: np.ndarray | list[int], length: int, *, step: int | None = None
    ) -> None:
        self.length = length
        self.step = length if step is None else step
        if self.length < 1 or self.step < 1:
            raise ValueError(f"length and step must be at least 1, got {length} and {step}")
        self.ids = _tokens(ids, length)

    def __len__(self) -> int:
        return (len(self.ids) - 1 - self.length) // self.step + 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} is out of range for {len(self)} windows")
        inputs, targets = self.__getbatch__(np.array([index]))
        return inputs[0], targets[0]

    def __getbatch__(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The windows at `indices`: two arrays of shape (len(indices), length)."""
        return _windows(self.ids, indices * self.step, self.length)


class RandomWindows:
    """Batches of windows at random places of a text: (inputs, targets), both int64 (batch_size,
    length), targets one token further.

    Places depend on (seed, number of the batch) alone; an epoch is `batches` of them. For a
    `tinytorch.train.Trainer`, which keeps the place in its checkpoints.
    """

    def __init__(
        self,
        ids: np.ndarray | list[int],
        length: int,
        batch_size: int,
        batches: int,
        *,
        seed: int = 0,
    ) -> None:
        for name, size in (("length", length), ("batch_size", batch_size), ("batches", batches)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        self.ids = _tokens(ids, length)
        self.length, self.batch_size, self.batches, self.seed = length, batch_size, batches, seed
        self._number = 0  # of the next batch, counted through all epochs

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            draws = np.random.default_rng((self.seed, self._number))
            starts = draws.integers(0, len(self.ids) - self.length, self.batch_size)
            self._number += 1
            yield _windows(self.ids, starts, self.length)
            if self._number % self.batches == 0:
                return

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed, "number": self._number, "batches": self.batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state["seed"] != self.seed or state["batches"] != self.batches:
            raise ValueError(
                f"the checkpoint was made with seed {state['seed']} and {state['batches']} batches "
                f"in an epoch, this loader has {self.seed} and {self.batches}"
            )
        self._number = int(state["number"])


def _tokens(ids: np.ndarray | list[int], length: int) -> np.ndarray:
    found = np.asarray(ids)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"ids must be integers in one axis, got {found.dtype} of shape {found.shape}"
        )
    if len(found) <= length:
        raise ValueError(f"{len(found)} tokens hold no window of {length} and one more")
    return found


def _windows(ids: np.ndarray, starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    window = ids[starts[:, None] + np.arange(length + 1)].astype(np.int64)
    return window[:, :-1], window[:, 1:]
