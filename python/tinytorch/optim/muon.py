"""Muon: momentum for matrices, made orthogonal before it is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .. import _core
from ..core.optimizers import Optimizer, _gradient, _moment
from ..core.tensor import Tensor


class Muon(Optimizer):
    """K. Jordan et al. 2024, for the matrices of hidden layers; others learn by AdamW beside it.

    With gradient G (m, n)::

        V = momentum V + (1 - momentum) G
        U = momentum V + (1 - momentum) G       (V, without nesterov)
        W = (1 - lr weight_decay) W - lr scale O,     O nearly U (U^T U)^(-1/2)

    O by `ns_steps` of a Newton-Schulz iteration, in bfloat16 where the processor has it. scale is
    sqrt(max(1, m / n)), or 0.2 sqrt(max(m, n)) with adjust_lr_fn="match_rms_adamw", for which
    AdamW's rates fit (Liu et al. 2025). The arguments are those of PyTorch, and two more:

    filters: parameters (O, I, H, W) are allowed, and count as matrices (O, I H W).
    unit_norm: before a step, W is scaled to the norm sqrt(m). A layer that a norm follows gives the
        same for any scale of W; lr is then the share of W that a step changes.
    tied: of each parameter None, or (rows, columns), int64 arrays: W and every gradient have
        W[rows[i], columns[j]] = W[i, j], which the caller sees to. The iteration then has a quarter
        of the products; of later rows of pairs the gradient is not read.

    ValueError for parameters that are no matrices, and for partners that are not each other's.
    """

    _settings = ("lr", "weight_decay", "momentum", "nesterov", "ns_steps", "adjust_lr_fn")
    _buffers = ("momentum_buffers",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        adjust_lr_fn: str = "original",
        *,
        filters: bool = False,
        unit_norm: bool = False,
        tied: Sequence[tuple[np.ndarray, np.ndarray] | None] | None = None,
    ) -> None:
        super().__init__(params)
        for index, param in enumerate(self.params):
            if len(param.shape) != 2 and not (filters and len(param.shape) == 4):
                raise ValueError(
                    f"parameter {index} has shape {param.shape}: Muon is for matrices, and with "
                    "filters=True for convolutions' filters; give others to AdamW, both in "
                    "tinytorch.optim.Groups"
                )
        if adjust_lr_fn not in ("original", "match_rms_adamw"):
            raise ValueError(
                f"adjust_lr_fn must be original or match_rms_adamw, got {adjust_lr_fn!r}"
            )
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, got {momentum}")
        if not 1 <= ns_steps <= 100:
            raise ValueError(f"ns_steps must be from 1 to 100, got {ns_steps}")
        self.lr, self.weight_decay, self.momentum = lr, weight_decay, momentum
        self.nesterov, self.ns_steps, self.adjust_lr_fn = nesterov, ns_steps, adjust_lr_fn
        self.unit_norm = unit_norm
        self._tied = self._ties(tied)
        self.momentum_buffers: list[np.ndarray | None] = [None] * len(self.params)

    def step(self) -> None:
        """One update of all parameters that have a gradient; Ctrl-C never leaves half of it."""
        new = self._new_weights()
        arrays = [
            (w, _gradient(param, w), _moment(self.momentum_buffers, index, w), self._tied[index])
            for index, param, w in new
        ]
        _core.optim.muon_steps(
            arrays, self._changes(new), self.lr, self.momentum, self.weight_decay, self.nesterov,
            self.ns_steps, self.adjust_lr_fn, self.unit_norm,
        )  # fmt: skip

    def _ties(
        self, given: Sequence[tuple[np.ndarray, np.ndarray] | None] | None
    ) -> list[_core.optim.TiedMatrix | None]:
        if given is None:
            return [None] * len(self.params)
        if len(given) != len(self.params):
            raise ValueError(f"tied has {len(given)} entries for {len(self.params)} parameters")
        for index, (param, one) in enumerate(zip(self.params, given, strict=True)):
            shape = param.shape[0], int(np.prod(param.shape[1:]))
            if one is not None and (len(one[0]), len(one[1])) != shape:
                raise ValueError(
                    f"parameter {index} is a matrix {shape}, tied are {len(one[0])} rows and "
                    f"{len(one[1])} columns"
                )
        return [None if one is None else _core.optim.TiedMatrix(*one) for one in given]
