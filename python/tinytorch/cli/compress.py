"""`tinytorch quantize` and `tinytorch prune`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._options import Model, Out, Seed
from ._run import Failure

if TYPE_CHECKING:
    from ..models import Network, SavedModel
    from ..workflow.data import Data


def quantize(
    model: Model,
    out: Out = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            help="Fix activation scales by training images, instead of measuring each row."
        ),
    ] = True,
) -> None:
    """Convert a saved model to int8: weights, activations and products."""
    from ..models.language import is_language_model
    from ..workflow import compress
    from ..workflow.data import load
    from ._models import open_model

    if is_language_model(model):
        _quantize_language_model(model, out)
        return
    saved = open_model(model)
    if "int8_quantization" in saved.techniques:
        raise Failure(f"{saved.path}: is quantized already")
    data = load(saved.data)
    small = compress.quantized(saved.network, data if calibrate else None)
    _finish(saved, small, data, out or _beside(saved, "int8"), ["int8_quantization"])


def _quantize_language_model(model: Path, out: Path | None) -> None:
    from ..models.language import open_language_model, save_language_model
    from ..report.figures import size
    from ._console import say

    opened = open_language_model(model)
    assert opened.path is not None
    if opened.precision == "int8":
        raise Failure(f"{opened.path}: is quantized already")
    place = out or opened.path.with_name(f"{opened.path.stem}.int8.safetensors")
    path = save_language_model(place, opened, precision="int8")
    say(f"{path}: {size(path.stat().st_size)}, was {size(opened.path.stat().st_size)}")


def prune(
    model: Model,
    units: Annotated[
        float | None, typer.Option(min=0.0, max=0.99, help="Share of units and channels to remove.")
    ] = None,
    sparsity: Annotated[
        float | None, typer.Option(min=0.0, max=0.999, help="Share of single weights to zero.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="Epochs of fine-tuning.")] = 15,
    out: Out = None,
    seed: Seed = 0,
) -> None:
    """Remove units (the layers become smaller) or single weights (stored sparse), and fine-tune."""
    from ..workflow.data import load
    from ..workflow.fit import seed_all
    from ._models import open_model

    if (units is None) == (sparsity is None):
        raise Failure("give --units (smaller layers) or --sparsity (sparse layers), one of them", 2)
    saved = open_model(model)
    data = load(saved.data)
    if not saved.network.parameters():
        raise Failure(f"{saved.path}: has no float weights to prune; prune before quantizing")
    seed_all(seed)
    if units is not None:
        small = _shrunk(saved, data, units, epochs, seed)
        _finish(
            saved,
            small,
            data,
            out or _beside(saved, "pruned"),
            _tuned(["structured_pruning"], epochs),
        )
    else:
        small = _sparse(saved, data, sparsity or 0.0, epochs, seed)
        techniques = [*_tuned(["magnitude_pruning"], epochs), "sparse_storage"]
        _finish(saved, small, data, out or _beside(saved, "sparse"), techniques)


def _shrunk(saved: SavedModel, data: Data, share: float, epochs: int, seed: int) -> Network:
    from ..workflow import compress

    network = compress.shrunk(saved.network, share)
    _fine_tune(saved, network, data, epochs, seed, None)
    return network


def _sparse(saved: SavedModel, data: Data, share: float, epochs: int, seed: int) -> Network:
    from ..nn.prune import magnitude_masks
    from ..workflow import compress

    network = copy.deepcopy(saved.network)
    masks = magnitude_masks(network, share)
    masks.apply()
    _fine_tune(saved, network, data, epochs, seed, masks)
    return compress.sparse(network)


def _fine_tune(
    saved: SavedModel, network: Network, data: Data, epochs: int, seed: int, masks: Any
) -> None:
    from ..models import spec
    from ..workflow import compress
    from ._progress import training_bars

    if not epochs:
        return
    with training_bars() as start:
        done = compress.fine_tune(
            network,
            data,
            spec(saved.name).recipe,
            epochs,
            seed,
            masks=masks,
            on_epoch=start("fine-tune", epochs),
        )
    if done.stopped is not None:
        raise KeyboardInterrupt


def _finish(
    saved: SavedModel, network: Network, data: Data, out: Path, techniques: list[str]
) -> None:
    from ..models import Origin, save_model
    from ..nn.quantized import stored_bytes
    from ..report import figures
    from ..workflow.measure import accuracy
    from ._console import say

    origin = Origin([*saved.techniques, *techniques], saved.data, saved.config.get("training"))
    path = save_model(out, network, saved.name, origin)
    before, after = stored_bytes(saved.network), stored_bytes(network)
    say(
        f"{path}: {figures.size(before)} \u2192 {figures.size(after)} "
        f"({figures.factor(before / after)} smaller), accuracy "
        f"{figures.percent(accuracy(saved.network, data))} \u2192 "
        f"{figures.percent(accuracy(network, data))}"
    )


def _tuned(techniques: list[str], epochs: int) -> list[str]:
    return [*techniques, "fine_tuning"] if epochs else techniques


def _beside(saved: SavedModel, suffix: str) -> Path:
    return saved.path.with_name(f"{saved.path.stem}.{suffix}.safetensors")
