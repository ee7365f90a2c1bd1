"""The forms of a trained model that the demo compares."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..models.networks import Network
from ..models.registry import ModelSpec
from ..nn import prune
from ..report.record import Curves
from . import compress
from .data import Data


@dataclass(frozen=True)
class Plan:
    """How hard to compress: the share of units that leave, the share of single weights, and the
    epochs of fine-tuning after either."""

    unit_share: float = 0.5
    sparsity: float = 0.8
    epochs: int = 15


@dataclass
class Form:
    key: str
    title: str
    description: str
    network: Network
    techniques: list[str] = field(default_factory=list)
    fine_tuning: Curves | None = None


class Interrupted(Exception):
    """Ctrl-C ended a fine-tuning."""


def forms(
    network: Network,
    data: Data,
    spec: ModelSpec,
    seed: int,
    plan: Plan,
    on_epoch: Callable[[str, dict[str, Any]], Any],
) -> Iterator[Form]:
    """The network itself, then int8, pruned, sparse, and pruned with int8. Raises Interrupted.

    `on_epoch` gets "prune" or "sparsify" and each finished epoch of the fine-tuning.
    """
    yield Form("baseline", "Baseline", "float32", network)
    yield Form(
        "int8",
        "INT8",
        "int8 weights and activations, integer products",
        compress.quantized(network, data),
        ["int8_quantization"],
    )
    small = compress.shrunk(network, plan.unit_share)
    curves = _tuned(small, data, spec, seed + 1, plan, None, _named(on_epoch, "prune"))
    removed = f"{plan.unit_share:.0%} of units and channels removed".replace("%", " %")
    pruning = ["structured_pruning", "fine_tuning"]
    yield Form("pruned", "Pruned", removed, small, pruning, curves)
    yield _sparse(network, data, spec, seed + 2, plan, _named(on_epoch, "sparsify"))
    yield Form(
        "pruned_int8",
        "Pruned + INT8",
        "pruned, then int8",
        compress.quantized(small, data),
        [*pruning, "int8_quantization"],
    )


def _sparse(
    network: Network, data: Data, spec: ModelSpec, seed: int, plan: Plan, on_epoch: Any
) -> Form:
    dense = copy.deepcopy(network)
    masks = prune.magnitude_masks(dense, plan.sparsity)
    curves = _tuned(dense, data, spec, seed, plan, masks, on_epoch)
    description = f"{plan.sparsity:.0%} of single weights zero, the rest stored".replace("%", " %")
    techniques = ["magnitude_pruning", "fine_tuning", "sparse_storage"]
    return Form("sparse", "Sparse", description, compress.sparse(dense), techniques, curves)


def _tuned(
    network: Network,
    data: Data,
    spec: ModelSpec,
    seed: int,
    plan: Plan,
    masks: prune.Masks | None,
    on_epoch: Callable[[dict[str, Any]], Any],
) -> Curves:
    done = compress.fine_tune(
        network, data, spec.recipe, plan.epochs, seed, masks=masks, on_epoch=on_epoch
    )
    if done.stopped is not None:
        raise Interrupted
    return done.curves


def _named(on_epoch: Callable[[str, dict[str, Any]], Any], name: str) -> Any:
    return lambda row: on_epoch(name, row)
