"""Older path of the data loaders, and a dataset over a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.dataloader import DataLoader, Dataset


class SimpleDataset(Dataset):
    """The items of a sequence."""

    def __init__(self, data: Sequence[Any]) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int) -> Any:
        return self.data[idx]


__all__ = ["DataLoader", "Dataset", "SimpleDataset"]
