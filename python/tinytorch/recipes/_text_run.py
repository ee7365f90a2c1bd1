"""One training of a language model by a recipe, in one folder (`FolderRun`), where it leaves

gpt.safetensors, .json    the model, at the end
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from ..core.tensor import Tensor
from ..datasets import RandomWindows, TextFile, TinyShakespeare
from ..models.gpt import GptConfig
from ..models.gpt_net import GptNet
from ..models.language import LanguageModel, save_language_model
from ..optim import AdamW, Groups, Muon, OneCycleSchedule, Optimizer
from ..text import Characters
from ..train import Evaluation, Trainer, WeightAverage
from ..workflow.fit import seed_all
from ..workflow.text_score import score
from ._folder_run import FolderRun
from ._text_recipe import TextRecipe

_BETAS = (0.9, 0.99)
MODEL = "gpt"


class TextRun(FolderRun):
    """A training on a text, Tiny Shakespeare if none is given.

    Args:
        recipe: one of `TEXT_RECIPES`, or one's own.
        folder: where everything goes; nothing is written if left out.
        text: whose first part is trained on and whose rest is evaluated.
        seed: of starting weights, windows and dropout.
        holdout: so many characters at the end of the training part are kept back, and evaluated
            instead: for choices.
        precision: "f32", "bf16", or "auto" for bf16 where the processor has instructions for it.
        resume: go on where the folder's training stopped.
        on_epoch: called with each finished row of the history.

    Attributes (after `train`):
        network; loss: nats per character of the evaluated part, each predicted with at least half
        of the recipe's length before it; seconds (of training); history.
    """

    def __init__(
        self,
        recipe: TextRecipe,
        *,
        folder: str | os.PathLike[str] | None = None,
        text: TextFile | None = None,
        seed: int = 0,
        holdout: int = 0,
        precision: str = "auto",
        resume: bool = False,
        progress: bool | str = True,
        on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(
            recipe, folder=folder, seed=seed, holdout=holdout, precision=precision, resume=resume,
            progress=progress, on_epoch=on_epoch,
        )  # fmt: skip
        self._text = text
        self.loss = 0.0

    def _epochs(self) -> int:
        return int(-(-self.recipe.steps // self.recipe.evaluate_every))

    def _about_epoch(self, epoch: int) -> dict[str, Any]:
        return {"step": epoch * self.recipe.evaluate_every}

    def prepare(self) -> tuple[Trainer, RandomWindows, np.ndarray]:
        """`network` with its starting weights; what trains it, with which batches, and the tokens
        that it is evaluated on."""
        r = self.recipe
        text = self._text or TinyShakespeare()
        learnt, held = text.get_train_data(), text.get_test_data()
        if not 0 <= self.holdout < len(learnt):
            raise ValueError(f"holdout must be 0 to {len(learnt) - 1}, got {self.holdout}")
        if self.holdout:
            learnt, held = learnt[: -self.holdout], learnt[-self.holdout :]
        self.tokenizer = Characters(text.text, unknown="<unk>")
        seed_all(self.seed)
        self.network = network(r, self.tokenizer.vocabulary_size)
        batches = r.evaluate_every * r.accumulate
        ids = self.tokenizer.encode(learnt)
        loader = RandomWindows(ids, r.length, r.batch_size, batches, seed=self.seed)
        return self._trainer(), loader, self.tokenizer.encode(held)

    def model(self) -> LanguageModel:
        """The network as it is now, with its tokenizer."""
        return LanguageModel(self.network.config, self.network.weights(), self.tokenizer)

    def _trainer(self) -> Trainer:
        r = self.recipe
        return _TextTrainer(
            self.network,
            optimizer(self.network, r),
            _NextToken(),
            schedule=OneCycleSchedule(r.matrix_lr, r.steps, warmup=r.warmup, end=r.end),
            schedule_by="step",
            accumulate=r.accumulate,
            precision=self.precision,
            average=WeightAverage(r.average) if r.average else None,
            folder=self._checkpoints(),
            progress=self.progress,
            on_epoch=self._epoch_done,
        )

    def _conclude(self, held: np.ndarray) -> None:
        self.loss = score(self.network.session(), held).nats
        if self.folder is not None:
            part = "holdout" if self.holdout else "validation"
            notes = {
                "data": "tinyshakespeare" if self._text is None else None,
                "training": {**self.settings(), f"{part}_nats_per_character": self.loss,
                             "seconds": round(self.seconds, 1)},
            }  # fmt: skip
            save_language_model(self.folder / MODEL, self.model(), notes=notes)


def network(recipe: TextRecipe, vocabulary: int) -> GptNet:
    """The recipe's transformer, with weights drawn from NumPy's global generator."""
    config = GptConfig(
        vocabulary=vocabulary,
        width=recipe.width,
        layers=recipe.layers,
        heads=recipe.heads,
        hidden=recipe.hidden or 4 * recipe.width,
        max_length=recipe.length,
        norm="rms",
        positions="rotary",
        activation=recipe.activation,
        gated=recipe.gated,
        tied=False,
    )
    return GptNet(config, dropout=recipe.dropout)


def optimizer(net: GptNet, recipe: TextRecipe) -> Optimizer:
    """Muon for the blocks' matrices, AdamW for tables and head, and without decay for norms."""
    assert net.head is not None
    tables = [net.tokens, net.head.weight]
    matrices = [w for w in net.matrices() if w is not net.head.weight]
    others = {id(p) for p in (*tables, *matrices)}
    scales = [p for p in net.parameters() if id(p) not in others]
    return Groups(
        [
            Muon(matrices, recipe.matrix_lr, recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
            AdamW(tables, recipe.lr, _BETAS, weight_decay=0.0),
            AdamW(scales, recipe.lr, _BETAS, weight_decay=0.0),
        ]
    )


class _NextToken:
    """Mean cross-entropy over all positions."""

    def forward(self, logits: Tensor, targets: np.ndarray) -> Tensor:
        return _core.ops.cross_entropy(logits, targets)


class _TextTrainer(Trainer):
    """Evaluates a text by an inference session, in windows side by side."""

    def evaluate(self, loader: Any) -> Evaluation:
        length = self.model.config.max_length
        return Evaluation(score(self.model.session(), loader, stride=length).nats, None)
