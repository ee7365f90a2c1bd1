# The C++ engine, for type checkers; `make stubs` writes this file.
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__: list[str] = [
    "Pairs",
    "TiedMatrix",
    "adam_step",
    "adam_steps",
    "muon_steps",
    "set_attributes",
    "sgd_step",
    "sgd_steps",
    "unshared",
]

class TiedMatrix:
    """Of a matrix g with g[rows[i], columns[j]] = g[i, j]."""

    def __init__(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """The partner of each row and column, itself for none; ValueError unless the partner's
        partner is it again.
        """

    def __reduce__(self) -> tuple[Any, ...]: ...

class Pairs:
    """Values of an array that are to be the same."""

    def __init__(self, partners: np.ndarray) -> None:
        """Where the partner of each value is, itself for none; ValueError unless the partner's
        partner is the value.
        """

    def __reduce__(self) -> tuple[Any, ...]: ...
    def average(self, array: np.ndarray) -> None:
        """Gives both values of each pair their mean, in place."""

def adam_step(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    decoupled: bool = False,
) -> None:
    """Adam (Kingma & Ba 2015); decoupled: AdamW (Loshchilov & Hutter 2019)."""

def adam_steps(
    arrays: list[Any],
    changes: list[Any],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    decoupled: bool = False,
) -> None:
    """adam_step for each (w, g, m, v), then set_attributes(changes), as sgd_steps."""

def muon_steps(
    arrays: list[Any],
    changes: list[Any],
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
    ns_steps: int,
    adjust_lr_fn: str,
    unit_norm: bool = False,
) -> None:
    """Muon (Jordan et al. 2024) for each matrix (w, g, momentum_buffer, tied), then
    set_attributes(changes), as sgd_steps. Axes after the first count as one; tied: a
    TiedMatrix or None.
    """

def set_attributes(changes: list[Any]) -> None:
    """Sets each (object, attribute, value) in turn; Ctrl-C waits until all are set."""

def sgd_step(
    w: np.ndarray,
    g: np.ndarray,
    momentum_buffer: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """g += weight_decay w; v = momentum v + g; w -= lr (g + momentum v if nesterov else v)."""

def sgd_steps(
    arrays: list[Any],
    changes: list[Any],
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """sgd_step for each (w, g, momentum_buffer or None), then set_attributes(changes): all
    of it or, on an error in the arguments, nothing. Ctrl-C waits until it is done.
    """

def unshared(parameter: ArrayLike) -> bool:
    """Whether a Tensor's array is held by that tensor alone, so that a step may change it
    in place and nobody can tell.
    """
