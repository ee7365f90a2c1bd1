"""The recipes for a language model of Tiny Shakespeare, by name. Their numbers were chosen on
the last 100,000 characters of the training part, held out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextRecipe:
    """A transformer over characters: rotary positions, root-mean-square norms, no biases.

    Its matrices learn by Muon, the tables and norms by AdamW; rates rise over the share `warmup` of
    the steps and fall to the share `end` of them.

    steps: updates, each on batch_size windows of `length` characters; every `evaluate_every` of
        them the validation part is evaluated, and the state kept.
    matrix_lr, lr: of Muon (scale "match_rms_adamw"), of AdamW.
    dropout: of embeddings and branches.
    average: decay of the weights' moving average, 0 for none.
    accumulate: batches of which one update is made.
    """

    title: str
    width: int
    layers: int
    heads: int
    length: int
    steps: int
    batch_size: int
    matrix_lr: float
    lr: float
    weight_decay: float = 0.1
    dropout: float = 0.0
    warmup: float = 0.1
    end: float = 0.05
    hidden: int | None = None
    activation: str = "gelu_tanh"
    gated: bool = False
    average: float = 0.0
    accumulate: int = 1
    evaluate_every: int = 100


TEXT_RECIPES: dict[str, TextRecipe] = {
    "quick": TextRecipe(
        "a small one for three minutes on two cores",
        width=192, layers=4, heads=6, length=256, steps=320, batch_size=64,
        matrix_lr=0.02, lr=3e-3, evaluate_every=80,
    ),
    "standard": TextRecipe(
        "the small one for ten minutes, and the one that is shipped",
        width=192, layers=4, heads=6, length=256, steps=900, batch_size=64,
        matrix_lr=0.015, lr=3e-3, dropout=0.05, evaluate_every=150,
    ),
    "best": TextRecipe(
        "a wider and deeper one, for twenty minutes",
        width=256, layers=6, heads=8, length=256, steps=1100, batch_size=64,
        matrix_lr=0.015, lr=2e-3, dropout=0.15, evaluate_every=110,
    ),
}  # fmt: skip


def text_recipe(name: str) -> TextRecipe:
    """The recipe of this name; ValueError lists the names there are."""
    if name not in TEXT_RECIPES:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(TEXT_RECIPES)}")
    return TEXT_RECIPES[name]
