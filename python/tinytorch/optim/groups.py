"""Optimizers side by side, each for its own parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.optimizers import Optimizer


class Groups(Optimizer):
    """One optimizer made of several, whose learning rates keep their ratios.

        slow = SGD(biases, lr=0.1, momentum=0.9)
        fast = SGD(weights, lr=0.4, momentum=0.9, weight_decay=5e-4)
        optimizer = Groups([fast, slow])
        optimizer.lr = 0.2          # fast.lr is 0.2, slow.lr 0.05

    `lr` is that of the first. ValueError if a parameter is in two groups, or a rate is 0.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = list(optimizers)
        super().__init__([p for one in self.optimizers for p in one.params])
        if not self.optimizers:
            raise ValueError("there must be at least one optimizer")
        if len({id(p) for p in self.params}) != len(self.params):
            raise ValueError("a parameter is in two groups")
        rates = [float(one.lr) for one in self.optimizers]
        if min(rates) <= 0:
            raise ValueError(f"every group needs a learning rate above 0, got {rates}")
        self._shares = [rate / rates[0] for rate in rates]

    @property
    def lr(self) -> float:
        return float(self.optimizers[0].lr)

    @lr.setter
    def lr(self, value: float) -> None:
        for one, share in zip(self.optimizers, self._shares, strict=True):
            one.lr = value * share

    def step(self) -> None:
        for one in self.optimizers:
            one.step()
        self.step_count += 1

    def state_dict(self) -> dict[str, Any]:
        states = [one.state_dict() for one in self.optimizers]
        return {"groups": states, "step_count": self.step_count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if len(state["groups"]) != len(self.optimizers):
            raise ValueError(
                f"the state has {len(state['groups'])} groups, this {len(self.optimizers)}"
            )
        for one, saved in zip(self.optimizers, state["groups"], strict=True):
            one.load_state_dict(saved)
        self.step_count = int(state["step_count"])
