"""What each optimisation gives: the plain network as it is, with each technique alone, and with
them one after another; accuracy over all test images.

    TINYTORCH_DATA=DIR python benchmarks/cifar_ablation.py RUNS --teacher MODEL --json results.json

    acceleration  an inference session instead of layer by layer: norms, biases, activations and
                  pools joined to convolutions, weights packed once, memory planned
    quantization  int8 weights and activations, calibrated on 512 training images
    pruning       60 % of the channels and hidden units removed (structured), then trained on for as
                  long as before; and 90 % of the single weights zero, the rest stored sparse
    distillation  trained with the answers of a larger network beside the labels

Trainings go into folders of RUNS and are not repeated if they are there. `--also` adds models by
name or path, as they are served. A single image is timed on one thread, images a second on all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch import Tensor, _core
from tinytorch.core.autograd import no_grad
from tinytorch.datasets import CIFAR10
from tinytorch.models import Origin, load_model, save_model
from tinytorch.models.convnet import ConvNet, normalized_bytes
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.models.shipped import shipped, shipped_names
from tinytorch.nn import prune
from tinytorch.nn.quantized import convert
from tinytorch.recipes import RECIPES, RecipeRun

MODEL = "cnn_baseline"
PLAIN = RECIPES["baseline"]
TAUGHT = dataclasses.replace(PLAIN, teacher_share=0.7)
TUNED = dataclasses.replace(PLAIN, lr=0.01)
UNIT_SHARE, SPARSITY = 0.6, 0.9
CALIBRATION = 512


class SparseRun(RecipeRun):
    """Keeps the smallest weights at zero."""

    def prepare(self) -> Any:
        made = super().prepare()
        masks = prune.magnitude_masks(self.network, SPARSITY)
        masks.apply()
        step = made[0].optimizer.step

        def masked_step() -> None:
            step()
            masks.apply()

        made[0].optimizer.step = masked_step
        return made


class Trained:
    """The trained networks, made when they are first asked for."""

    def __init__(self, runs: Path, teacher: str) -> None:
        self.runs, self.teacher = runs, teacher

    def plain(self) -> ConvNet:
        return self._run("baseline", RecipeRun, PLAIN)

    def distilled(self) -> ConvNet:
        return self._run("distilled", RecipeRun, TAUGHT, teacher=self.teacher)

    def pruned(self) -> ConvNet:
        return self._run("pruned", RecipeRun, TUNED, begin=self._shrunk())

    def pruned_distilled(self) -> ConvNet:
        recipe = dataclasses.replace(TUNED, teacher_share=TAUGHT.teacher_share)
        return self._run(
            "pruned-distilled", RecipeRun, recipe, begin=self._shrunk(), teacher=self.teacher
        )

    def sparse(self) -> ConvNet:
        self.plain()
        return self._run("sparse", SparseRun, TUNED, begin=str(self.runs / "baseline" / MODEL))

    def _shrunk(self) -> str:
        path = self.runs / "shrunk" / MODEL
        if not path.with_suffix(".safetensors").exists():
            example = np.zeros((1, 3, 32, 32), np.float32)
            small = prune.shrink(self.plain(), UNIT_SHARE, example=example)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_model(path, small, MODEL, Origin(["structured_pruning"], "cifar10", {}))
        return str(path)

    def _run(self, name: str, kind: type[RecipeRun], recipe: Any, **options: Any) -> ConvNet:
        path = self.runs / name / MODEL
        if not path.with_suffix(".safetensors").exists():
            print(f"training: {name}", flush=True)
            kind(recipe, folder=path.parent, progress="plain", **options).train()
        network = load_model(path).network
        assert isinstance(network, ConvNet)
        return network


@dataclass
class Form:
    """A network, and how it is run: `scores` of normalized images."""

    name: str
    network: Any
    scores: Callable[[np.ndarray], np.ndarray]
    macs: int


def layer_by_layer(name: str, network: Any, macs: int | None = None) -> Form:
    network.eval()

    def scores(images: np.ndarray) -> np.ndarray:
        with no_grad():
            return np.asarray(network.scores(Tensor(images)).data)

    return Form(name, network, scores, network.macs() if macs is None else macs)


def served(name: str, network: Any) -> Form:
    sessions: dict[int, Any] = {}

    def scores(images: np.ndarray) -> np.ndarray:
        batch = len(images)
        if batch not in sessions:
            sessions[batch] = network.session(batch=batch)
        return np.asarray(sessions[batch](images))

    return Form(name, network, scores, network.macs())


def forms(trained: Trained, photographs: np.ndarray) -> list[Form]:
    plain, pruned, both = trained.plain(), trained.pruned(), trained.pruned_distilled()
    calibration = photographs[:CALIBRATION]
    sparse = trained.sparse()
    share = 1 - prune.sparsity(sparse)
    dense_macs = sparse.macs()
    return [
        layer_by_layer("baseline", plain),
        served("acceleration alone", plain),
        layer_by_layer(
            "quantization alone",
            convert(plain, [Tensor(photographs[:256].astype(np.float32) / 255)]),
            plain.macs(),
        ),
        layer_by_layer("structured pruning alone", pruned),
        layer_by_layer(
            "90 % sparse alone", prune.to_sparse(sparse, format="auto"), round(share * dense_macs)
        ),
        layer_by_layer("distillation alone", trained.distilled()),
        served("acceleration + quantization", Int8ConvNet.of(plain, calibration)),
        served("acceleration + quantization + pruning", Int8ConvNet.of(pruned, calibration)),
        served("all: with distillation, too", Int8ConvNet.of(both, calibration)),
    ]


def measured(form: Form, images: np.ndarray, labels: np.ndarray, folder: Path) -> dict[str, Any]:
    ready = normalized_bytes(form.network, images)
    answers = np.concatenate(
        [form.scores(part) for part in np.array_split(ready, len(ready) // 100)]
    )
    return {
        "name": form.name,
        "accuracy": float((answers.argmax(axis=1) == labels).mean()),
        "bytes": stored_bytes(form, folder),
        "macs": form.macs,
        "latency_us": 1e6 * on_one_thread(lambda: median_seconds(form, ready[:1])),
        "images_per_s": 64 / median_seconds(form, ready[:64]),
        "working_kb": working_bytes(form, ready[:1]) / 1000,
    }


def stored_bytes(form: Form, folder: Path) -> int:
    path = save_model(folder / "form", form.network, MODEL, Origin([], "cifar10", {}))
    return path.stat().st_size


def on_one_thread(measure: Callable[[], float]) -> float:
    """One image is what a small device has one core for."""
    threads = _core.num_threads()
    _core.set_num_threads(1)
    try:
        return measure()
    finally:
        _core.set_num_threads(threads)


def median_seconds(form: Form, images: np.ndarray) -> float:
    for _ in range(5):
        form.scores(images)
    times, end = [], time.perf_counter() + 1.0
    while time.perf_counter() < end:
        start = time.perf_counter()
        form.scores(images)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def working_bytes(form: Form, image: np.ndarray) -> int:
    """Beside the weights: what a session plans, or the most that layers hold at one time."""
    if isinstance(form.network, Int8ConvNet) or form.name.startswith("acceleration"):
        memory = form.network.session(batch=1).memory()
        return int(memory["activations"] + memory["workspace"])
    before = _core.memory_stats()["live_bytes"]
    _core.reset_peak_memory()
    form.scores(image)
    return int(_core.memory_stats()["peak_bytes"] - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--also", default="", help="shipped names or paths, by commas")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    data = CIFAR10()
    images, labels = data.raw("test")
    rows = forms(Trained(args.runs, args.teacher), data.raw("train")[0])
    for name in filter(None, args.also.split(",")):
        path = shipped(name) if name in shipped_names() else Path(name)
        rows.append(served(path.stem, load_model(path).network))
    print(
        "| network | accuracy | bytes | M multiply-adds | us, one image, one thread | images/s "
        "| working KB |"
    )
    print("|---|---|---|---|---|---|---|")
    found = []
    for form in rows:
        row = measured(form, images, labels, args.runs)
        found.append(row)
        print(
            f"| {form.name} | {100 * row['accuracy']:.2f} % | {row['bytes']:,} | "
            f"{row['macs'] / 1e6:.2f} | {row['latency_us']:,.1f} | {row['images_per_s']:,.0f} | "
            f"{row['working_kb']:,.0f} |",
            flush=True,
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
