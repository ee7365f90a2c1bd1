"""Structured pruning that makes layers smaller: neurons and channels leave with everything that
reads or follows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from .. import _core
from ..core._batch_norm import BatchNorm1d, BatchNorm2d
from ..core._containers import Flatten
from ..core._module import Layer, named_modules_of, set_training
from ..core.autograd import no_grad
from ..core.layers import Dropout, Linear
from ..core.spatial import AvgPool2d, Conv2d, MaxPool2d
from ..core.tensor import Tensor
from ._stored import array_of, deep_copy, patched_forward, weighted_layers

# Layers that treat every channel alike, so that channels can leave on their way to the next layer.
_CHANNELWISE = (Dropout, Flatten, MaxPool2d, AvgPool2d)
_ACTIVATIONS = ("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "GELU", "SiLU", "ELU", "Softplus")


def shrink(
    model: Any,
    ratio: float | Mapping[str, float],
    *,
    example: Any = None,
    skip: Collection[str] = (),
    p: int = 2,
) -> Any:
    """A smaller copy of `model`.

    From each Linear and Conv2d a share `ratio` of the outputs is removed, those whose weights have
    the smallest L1 (p=1) or L2 (p=2) norm, with the matching inputs of the next Linear or Conv2d
    and the channels of batch norms between. At least one output stays; the last layer keeps all.

    The model must be a chain of layers. Its order is that of its layers in lists and attributes;
    with `example`, an input, it is the order in which they are called. `ratio` may be given by
    path; layers without one stay whole. skip: paths of layers whose outputs stay.

    ValueError where the model is no such chain.
    """
    new = deep_copy(model)
    chain = _called_order(new, example) if example is not None else _leaves(new)
    ratios = _ratios(dict(weighted_layers(new)), ratio, skip)
    places = [i for i, (_, layer) in enumerate(chain) if isinstance(layer, (Linear, Conv2d))]
    for at, following in pairwise(places):
        path, layer = chain[at]
        share = ratios.get(path, 0.0)
        outputs = _outputs(layer)
        keep = max(1, outputs - int(np.rint(share * outputs)))
        if keep == outputs:
            continue
        axis = 1 if isinstance(layer, Linear) else 0
        kept = np.array(_core.sparse.strongest_slices(array_of(layer.weight), axis, keep, p))
        between = [one for _, one in chain[at + 1 : following]]
        _keep_outputs(layer, kept)
        for one in between:
            _keep_channels(one, kept, outputs)
        _keep_inputs(chain[following], kept, outputs)
    if example is not None:
        _check_runs(new, example)
    return new


def _ratios(
    layers: dict[str, Any], ratio: float | Mapping[str, float], skip: Collection[str]
) -> dict[str, float]:
    given = dict(ratio) if isinstance(ratio, Mapping) else dict.fromkeys(layers, float(ratio))
    unknown = sorted((set(given) | set(skip)) - set(layers))
    if unknown:
        raise ValueError(f"no Linear or Conv2d at {unknown}; the model has {list(layers)}")
    for path, share in given.items():
        if not 0.0 <= share < 1.0:
            raise ValueError(f"ratio must lie in [0, 1), got {share} for {path!r}")
    return {path: share for path, share in given.items() if path not in skip}


def _leaves(model: Any) -> list[tuple[str, Any]]:
    """The layers without parts, in the order of their definition."""
    found = dict(named_modules_of(model))
    inner = {path.rpartition(".")[0] for path in found if path}
    inner |= {outer.rpartition(".")[0] for outer in inner}  # "blocks" of "blocks.0"
    return [
        (path, layer)
        for path, layer in found.items()
        if (path and path not in inner) or len(found) == 1
    ]


def _called_order(model: Any, example: Any) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []
    watchers = [(leaf, _noted(leaf.forward, calls, path, leaf)) for path, leaf in _leaves(model)]
    with patched_forward(watchers):
        _run(model, example)
    weighted = [(path, id(leaf)) for path, leaf in calls if isinstance(leaf, (Linear, Conv2d))]
    if len(set(weighted)) < len(weighted):
        raise ValueError(
            "cannot shrink a model that calls a layer more than once: "
            f"{[path for path, _ in weighted]}"
        )
    return calls


def _noted(forward: Any, calls: list[tuple[str, Any]], path: str, leaf: Any) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        calls.append((path, leaf))
        return forward(*args, **kwargs)

    return noting


def _run(model: Any, example: Any) -> Any:
    training = getattr(model, "training", False)
    if isinstance(model, Layer):
        set_training(model, False)
    try:
        with no_grad():
            return model.forward(example if isinstance(example, Tensor) else Tensor(example))
    finally:
        if isinstance(model, Layer):
            set_training(model, training)


def _check_runs(model: Any, example: Any) -> None:
    try:
        _run(model, example)
    except Exception as error:
        raise ValueError(
            f"{type(model).__name__} is no plain chain of layers: once shrunk it fails ({error}); "
            "name the layers whose outputs meet elsewhere in `skip`"
        ) from error


def _outputs(layer: Any) -> int:
    return int(layer.weight.shape[1 if isinstance(layer, Linear) else 0])


def _parameter(values: np.ndarray) -> Tensor:
    return Tensor(np.ascontiguousarray(values), requires_grad=True)


def _keep_outputs(layer: Any, kept: np.ndarray) -> None:
    weight = array_of(layer.weight)
    if isinstance(layer, Linear):
        layer.weight = _parameter(weight[:, kept])
        layer.out_features = len(kept)
    else:
        layer.weight = _parameter(weight[kept])
        layer.out_channels = len(kept)
    if layer.bias is not None:
        layer.bias = _parameter(array_of(layer.bias)[kept])


def _keep_inputs(step: tuple[str, Any], kept: np.ndarray, before: int) -> None:
    path, layer = step
    weight = array_of(layer.weight)
    if isinstance(layer, Conv2d):
        if weight.shape[1] != before:
            raise ValueError(
                f"{path}: reads {weight.shape[1]} channels, the layer before makes {before}"
            )
        layer.weight = _parameter(weight[:, kept])
        layer.in_channels = len(kept)
        return
    inputs = weight.shape[0]
    if inputs % before:
        raise ValueError(
            f"{path}: {inputs} inputs are no multiple of the {before} channels before it"
        )
    # After Flatten a channel is `area` neighbouring inputs.
    area = inputs // before
    rows = (kept[:, None] * area + np.arange(area)).ravel()
    layer.weight = _parameter(weight[rows])
    layer.in_features = len(rows)


def _keep_channels(layer: Any, kept: np.ndarray, before: int) -> None:
    if isinstance(layer, (BatchNorm1d, BatchNorm2d)):
        if layer.num_features % before:
            raise ValueError(f"{layer!r} does not follow a layer with {before} outputs")
        area = layer.num_features // before
        index = (kept[:, None] * area + np.arange(area)).ravel()
        layer.gamma = _parameter(array_of(layer.gamma)[index])
        layer.beta = _parameter(array_of(layer.beta)[index])
        layer.running_mean = np.array(layer.running_mean)[index]
        layer.running_var = np.array(layer.running_var)[index]
        layer.num_features = len(index)
    elif not isinstance(layer, _CHANNELWISE) and type(layer).__name__ not in _ACTIVATIONS:
        raise ValueError(
            f"cannot shrink across {type(layer).__name__}; name the layer before it in `skip`"
        )
