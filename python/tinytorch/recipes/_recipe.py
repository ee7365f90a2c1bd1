"""The recipes by name. Their numbers were chosen on 5,000 training images that were held out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..datasets import Augment


@dataclass(frozen=True)
class ImageRecipe:
    """Nesterov's SGD, or Muon for the filters, with a one-cycle schedule.

    model: in `tinytorch.models.MODELS`; with `nodes`, a network of these instead.
    lr, weight_decay: of weights. Biases and norms' shifts have the rate bias_scale * lr, and decay
        only if that is above lr. head_scale: the rate's share of the last linear layer, which
        begins smaller by its root.
    muon, muon_momentum: its rate for filters, which are kept at unit norm; 0 for SGD's. Every
        convolution of the network must be followed by a norm.
    warmup, end: share of the steps until the rate is lr, and its share at the end.
    identity: convolutions begin by passing their inputs on (Dirac), and residual blocks by adding
        nothing.
    mirror_pairs: filters come in pairs, so that an image and its mirror image have the same scores
        (`_mirror`).
    average: decay of the weights' moving average, 0 for none.
    int8: begin with a trained network, and train it to be rounded (`_quant_aware`); the result is
        an int8 network.
    teacher_share: with a teacher, the share of the loss that is its answer, at `temperature`.
    period: epochs after which the same moved and mixed images come again, so that a teacher answers
        no more than this often; 0 for never.
    small_epochs: first epochs with images of half the sides; not with a teacher.
    teacher_mirrors: its answer is the mean of those to an image and its mirror image.
    """

    title: str
    model: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_scale: float = 1.0
    head_scale: float = 1.0
    label_smoothing: float = 0.0
    muon: float = 0.0
    muon_momentum: float = 0.85
    warmup: float = 0.25
    end: float = 0.02
    augment: Augment = field(default_factory=Augment)
    identity: bool = False
    mirror_pairs: bool = False
    average: float = 0.0
    int8: bool = False
    teacher_share: float = 0.0
    temperature: float = 2.0
    teacher_mirrors: bool = False
    period: int = 0
    small_epochs: int = 0
    nodes: tuple[Any, ...] | None = None


_MOVED = Augment(pad=2, flip="alternating")
_MOVED_AND_CUT = Augment(pad=4, flip="alternating", cutout=14)

# Mirror images would say nothing new to mirror pairs.
# The rates of the first three and their network are near those of K. Jordan's fast trainings (see
# models/cifar.py).
RECIPES: dict[str, ImageRecipe] = {
    "quick": ImageRecipe(
        "a narrow one for half a minute on two cores",
        model="speednet-small", epochs=2, batch_size=256, lr=0.75, momentum=0.85,
        weight_decay=1.3e-3, label_smoothing=0.2, muon=0.08, warmup=0.05, end=0.0,
        augment=Augment(pad=2), identity=True, mirror_pairs=True, head_scale=1 / 81,
    ),
    "standard": ImageRecipe(
        "a residual one for six minutes",
        model="speednet-residual", epochs=9, batch_size=256, lr=0.6, momentum=0.85,
        weight_decay=1.3e-3, label_smoothing=0.1, muon=0.08, warmup=0.1, end=0.0,
        augment=Augment(pad=3, cutout=6), small_epochs=1, identity=True, mirror_pairs=True,
        head_scale=1 / 81,
    ),
    "best": ImageRecipe(
        "a wider one for 25 minutes",
        model="speednet-wide", epochs=24, batch_size=256, lr=0.6, momentum=0.85,
        weight_decay=1.3e-3, label_smoothing=0.1, muon=0.08, warmup=0.1, end=0.0,
        augment=Augment(pad=4, cutout=12), identity=True, mirror_pairs=True, head_scale=1 / 81,
    ),
    "plain": ImageRecipe(
        "a plain wide network without mirror pairs, which errs otherwise: a second teacher",
        model="speednet", epochs=36, batch_size=512, lr=0.75, momentum=0.85, weight_decay=8e-4,
        label_smoothing=0.1, warmup=0.2, end=0.02,
        augment=_MOVED_AND_CUT, identity=True, head_scale=1 / 81,
    ),
    "plain-muon": ImageRecipe(
        "the same network by Muon: a third",
        model="speednet", epochs=35, batch_size=512, lr=0.75, momentum=0.85, weight_decay=8e-4,
        label_smoothing=0.1, muon=0.08, warmup=0.1, end=0.0,
        augment=_MOVED_AND_CUT, identity=True, head_scale=1 / 81,
    ),
    "baseline": ImageRecipe(
        "the course's plain network, trained plainly",
        model="cnn_baseline", epochs=10, batch_size=64, lr=0.02, weight_decay=0.0, warmup=0.0,
    ),
    "swiftcnn": ImageRecipe(
        "the small network that is shipped",
        model="swiftcnn", epochs=150, batch_size=256, lr=0.4, muon=0.05, muon_momentum=0.9,
        warmup=0.05, end=0.0, augment=Augment(pad=4, mix=0.5), mirror_pairs=True,
        teacher_share=0.9, temperature=3.0, period=30,
    ),
    "swiftcnn-tiny": ImageRecipe(
        "under 100 KB of weights",
        model="swiftcnn-tiny", epochs=90, batch_size=256, lr=0.4, muon=0.05, muon_momentum=0.9,
        warmup=0.05, end=0.0, augment=Augment(pad=4, mix=0.25), mirror_pairs=True,
        teacher_share=0.9, temperature=3.0, period=30,
    ),
    "int8": ImageRecipe(
        "a trained swiftcnn to int8, trained on with its rounding",
        model="swiftcnn", epochs=3, batch_size=256, lr=0.01, warmup=0.0, end=0.01,
        augment=Augment(pad=4, flip="alternating"), int8=True, teacher_share=0.9, temperature=3.0,
    ),
    "resnet20": ImageRecipe(
        "the classic small residual network",
        model="resnet20", epochs=20, batch_size=256, lr=0.4, muon=0.05, muon_momentum=0.9,
        warmup=0.05, end=0.0, augment=_MOVED,
    ),
    "resnet18": ImageRecipe(
        "the reference of accuracy",
        model="resnet18", epochs=8, batch_size=256, lr=0.4, label_smoothing=0.1, muon=0.08,
        warmup=0.1, end=0.0, augment=_MOVED,
    ),
}  # fmt: skip


def recipe(name: str) -> ImageRecipe:
    """The recipe of this name; ValueError lists the names there are."""
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
