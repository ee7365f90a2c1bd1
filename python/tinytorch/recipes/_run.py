"""One training of CIFAR-10 by a recipe, in one folder (`FolderRun`), where it leaves

MODEL.safetensors, .json  the network, at the end
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core._module import Layer
from ..core.losses import CrossEntropyLoss
from ..datasets import CIFAR10, ImageLoader
from ..models import Origin, create, load_model, save_model
from ..models.convnet import ConvNet
from ..models.int8_convnet import Int8ConvNet
from ..optim import OneCycleSchedule
from ..train import Evaluation, Trainer, WeightAverage
from ..workflow.fit import seed_all
from ..workflow.measure import cross_entropy
from . import _start
from ._classify import accuracy, scores
from ._folder_run import FolderRun
from ._mirror import MirrorPairs
from ._mixed import MixedLoss
from ._quant_aware import QuantAwareNet
from ._recipe import ImageRecipe
from ._teacher import TaughtLoader, TaughtLoss

_CALIBRATION_IMAGES = 512


class RecipeRun(FolderRun):
    """A training of CIFAR-10.

    Args:
        recipe: one of `RECIPES`, or one's own.
        folder: where everything goes; nothing is written if left out.
        seed: of starting weights, order and augmentation.
        holdout: training images kept back, and evaluated instead of the test images: for choices.
        precision: "f32", "bf16", or "auto" for bf16 where the processor has instructions for it.
        teacher: a trained model's path, or those of several, for recipes with a teacher's share.
            They answer in int8, in turns.
        begin: a trained model's path, to train on from; recipes with int8 need one.
        resume: go on where the folder's training stopped.
        every_epoch: evaluate after each epoch, not only the last. It takes no training time, and
            changes nothing.

    Attributes (after `train`):
        network; result: an int8 network, or the same; accuracy, mirrored_accuracy (mean of the
        scores of an image and its mirror image); seconds (of training); history.
    """

    def __init__(
        self,
        recipe: ImageRecipe,
        *,
        folder: str | os.PathLike[str] | None = None,
        seed: int = 0,
        holdout: int = 0,
        precision: str = "auto",
        teacher: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        begin: str | os.PathLike[str] | None = None,
        resume: bool = False,
        every_epoch: bool = True,
        progress: bool | str = True,
        data: CIFAR10 | None = None,
        on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(
            recipe, folder=folder, seed=seed, holdout=holdout, precision=precision, resume=resume,
            progress=progress, on_epoch=on_epoch,
        )  # fmt: skip
        if teacher is None:
            teacher = []
        elif isinstance(teacher, (str, os.PathLike)):
            teacher = [teacher]
        self.teachers = [os.fspath(path) for path in teacher]
        if not self.teachers:
            self.recipe = dataclasses.replace(recipe, teacher_share=0.0)
        if self.teachers and recipe.small_epochs:
            raise ValueError("a teacher knows images of all their pixels: small_epochs must be 0")
        self.begin = None if begin is None else os.fspath(begin)
        if recipe.int8 and begin is None:
            raise ValueError("this recipe begins with a trained network: name one")
        self.every_epoch = every_epoch
        self._data = data
        self._pairs: MirrorPairs | None = None
        self.accuracy = self.mirrored_accuracy = 0.0

    def settings(self) -> dict[str, Any]:
        """What decides the result; of other models' files only the names."""
        names = [Path(path).name for path in self.teachers]
        return {
            **super().settings(),
            "teacher": names if len(names) > 1 else next(iter(names), None),
            "begin": None if self.begin is None else Path(self.begin).name,
        }

    def _epochs(self) -> int:
        return int(self.recipe.epochs)

    def _validation(self, held: Any) -> Any:
        return held if self.every_epoch else None

    def prepare(self) -> tuple[Trainer, Any, tuple[np.ndarray, np.ndarray]]:
        """`network` with its starting weights; what trains it, with which batches, and the images
        and labels that it is evaluated on."""
        data = self._data or CIFAR10()
        train, held = _split(data.raw("train"), data.raw("test"), self.holdout)
        seed_all(self.seed)
        self.network = self._starting_network(data, train[0])
        self._calibration = train[0][:_CALIBRATION_IMAGES]
        loader = self._loader(train)
        return self._trainer(len(loader)), loader, held

    @property
    def places(self) -> dict[tuple[str, str], np.ndarray] | None:
        """Of a prepared run with mirror pairs, where they are (`MirrorPairs.places`)."""
        return None if self._pairs is None else self._pairs.places

    def _starting_network(self, data: CIFAR10, images: np.ndarray) -> ConvNet:
        if self.begin is None:
            network = _network(self.recipe, data)
            self._pairs = _start.start(network, self.recipe, images)
            return network
        trained = _convnet(self.begin)
        return QuantAwareNet.of(trained) if self.recipe.int8 else trained

    def _loader(self, train: tuple[np.ndarray, np.ndarray]) -> Any:
        mean, std = self.network.mean.tolist(), self.network.std.tolist()
        loader = ImageLoader(
            *train, self.recipe.batch_size, mean=mean, std=std, augment=self.recipe.augment,
            seed=self.seed, period=self.recipe.period, small_epochs=self.recipe.small_epochs,
        )  # fmt: skip
        if not self.teachers:
            return loader
        teachers = [_int8(path, train[0][:_CALIBRATION_IMAGES]) for path in self.teachers]
        return TaughtLoader(loader, *teachers, mirrored=self.recipe.teacher_mirrors)

    def _trainer(self, steps: int) -> Trainer:
        r = self.recipe
        loss: Any = CrossEntropyLoss(label_smoothing=r.label_smoothing)
        if r.augment.mix > 0:
            loss = MixedLoss(r.label_smoothing)
        if self.teachers:
            loss = TaughtLoss(r.teacher_share, r.temperature, r.label_smoothing)
        optimizer = _start.optimizer(self.network, r, self._pairs)
        return _RecipeTrainer(
            _OnNormalized(self.network),
            optimizer,
            loss,
            schedule=OneCycleSchedule(optimizer.lr, r.epochs * steps, warmup=r.warmup, end=r.end),
            schedule_by="step",
            precision=self.precision,
            average=WeightAverage(r.average) if r.average else None,
            folder=self._checkpoints(),
            progress=self.progress,
            on_epoch=self._epoch_done,
            pairs=self._pairs,
        )

    def _conclude(self, held: tuple[np.ndarray, np.ndarray]) -> None:
        self.result: ConvNet | Int8ConvNet
        if isinstance(self.network, QuantAwareNet):
            self.result = Int8ConvNet.of(self.network.plain(), self._calibration)
        else:
            self.result = self.network
        self.accuracy = accuracy(scores(self.result, held[0]), held[1])
        self.mirrored_accuracy = accuracy(scores(self.result, held[0], mirrored=True), held[1])
        if self.folder is not None:
            part = "holdout" if self.holdout else "test"
            training = {**self.settings(), f"{part}_accuracy": self.accuracy,
                        f"{part}_accuracy_mirrored": self.mirrored_accuracy,
                        "seconds": round(self.seconds, 1)}  # fmt: skip
            origin = Origin(_techniques(self), "cifar10", training)
            save_model(self.folder / self.recipe.model, self.result, self.recipe.model, origin)


class _OnNormalized(Layer):
    """The network for images that the loader has normalized."""

    def __init__(self, network: ConvNet) -> None:
        self.network = network

    def forward(self, x: Any) -> Any:
        return self.network.scores(x)


class _RecipeTrainer(Trainer):
    """Keeps the network's mirror pairs, and evaluates stored images by an inference session."""

    def __init__(self, *args: Any, pairs: MirrorPairs | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pairs = pairs

    def _update(self, batches: int) -> None:
        if self._pairs is not None:
            self._pairs.tie_gradients()
        super()._update(batches)

    def _end_epoch(self, *args: Any) -> None:
        if self._pairs is not None:
            self._pairs.tie_values()
        super()._end_epoch(*args)

    def evaluate(self, loader: Any) -> Evaluation:
        images, labels = loader
        made = scores(self.model.network, images)
        return Evaluation(cross_entropy(made, labels), accuracy(made, labels))


def _techniques(run: RecipeRun) -> list[str]:
    names = {
        "distillation": bool(run.teachers),
        "quantization_aware_training": run.recipe.int8,
        "int8_quantization": run.recipe.int8,
    }
    return [name for name, used in names.items() if used]


def _convnet(path: str) -> ConvNet:
    network = load_model(path).network
    if not isinstance(network, ConvNet):
        raise ValueError(f"{path}: must be a network of nodes with float weights")
    return network


def _int8(path: str, images: np.ndarray) -> Int8ConvNet:
    """In which form a teacher answers several times faster, and no less well."""
    network = load_model(path).network
    return network if isinstance(network, Int8ConvNet) else Int8ConvNet.of(_convnet(path), images)


def _network(recipe: ImageRecipe, data: CIFAR10) -> ConvNet:
    mean, std = data.channel_statistics()
    sizes = {"mean": mean.tolist(), "std": std.tolist()}
    if recipe.nodes is not None:
        sizes["nodes"] = list(recipe.nodes)
    network = create(recipe.model, **sizes)
    if not isinstance(network, ConvNet):
        raise ValueError(f"recipes train networks of nodes, and {recipe.model!r} is none")
    return network


def _split(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], holdout: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    if not 0 <= holdout < len(train[0]):
        raise ValueError(f"holdout must be 0 to {len(train[0]) - 1}, got {holdout}")
    if holdout == 0:
        return train, test
    first = len(train[0]) - holdout
    return (train[0][:first], train[1][:first]), (train[0][first:], train[1][first:])
