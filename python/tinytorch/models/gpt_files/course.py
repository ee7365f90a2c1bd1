"""The course's GPT (`tinytorch.core.transformer`) as config and canonical weights, and back.

Its linear layers compute x W with W (in, out); its GELU is x sigmoid(1.702 x); it has a head of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.activations import GELU
from ...core.layers import Linear
from ...core.tensor import Tensor
from ...core.transformer import GPT, LayerNorm, TransformerBlock
from ..gpt import GptConfig
from .arrays import FloatArray
from .save import fitting


def config_and_weights_of(model: GPT) -> tuple[GptConfig, dict[str, FloatArray]]:
    """Return what `GptSession` takes; its logits are then those of `model`.

    Arrays are copies: later training of `model` does not change them.

    Raises:
        TypeError: not a course GPT, or one whose layers were exchanged for others.
        ValueError: blocks that differ from one another in size or eps.
    """
    if not isinstance(model, GPT):
        raise TypeError(f"model must be a GPT of the course, got {type(model).__name__}")
    blocks = list(model.blocks)
    norms = [model.ln_f, *(norm for block in blocks for norm in (block.ln1, block.ln2))]
    config = GptConfig(
        vocabulary=model.vocab_size,
        width=model.embed_dim,
        layers=len(blocks),
        heads=_same("num_heads", [block.attention.num_heads for block in blocks]),
        hidden=_same("hidden_dim", [block.mlp.hidden_dim for block in blocks]),
        max_length=model.max_seq_len,
        activation="gelu_sigmoid",
        tied=False,
        eps=_same("eps", [norm.eps for norm in norms]),
    )
    weights = {
        "tokens": _array(model.token_embedding.weight),
        "positions": _array(model.position_embedding.weight),
        "norm.gamma": _array(model.ln_f.gamma),
        "norm.beta": _array(model.ln_f.beta),
        "head.weight": _linear(model.lm_head)["weight"],
    }
    for n, block in enumerate(blocks):
        weights |= {f"blocks.{n}.{name}": array for name, array in _block_arrays(block).items()}
    return config, fitting(config, weights)


def _block_arrays(block: TransformerBlock) -> dict[str, FloatArray]:
    if type(block.mlp.gelu) is not GELU:
        raise TypeError(f"the MLP's activation is {block.mlp.gelu!r}, a course GPT has GELU()")
    attention = block.attention
    parts = [_linear(layer) for layer in (attention.q_proj, attention.k_proj, attention.v_proj)]
    arrays = {"qkv.weight": np.concatenate([part["weight"] for part in parts])}
    if any("bias" in part for part in parts):
        zeros = np.zeros(block.embed_dim, np.float32)
        arrays["qkv.bias"] = np.concatenate([part.get("bias", zeros) for part in parts])
    for name, layer in (
        ("proj", attention.out_proj),
        ("up", block.mlp.linear1),
        ("down", block.mlp.linear2),
    ):
        arrays |= {f"{name}.{kind}": array for kind, array in _linear(layer).items()}
    for name, norm in (("norm1", block.ln1), ("norm2", block.ln2)):
        arrays |= {f"{name}.gamma": _array(norm.gamma), f"{name}.beta": _array(norm.beta)}
    return arrays


def _linear(layer: Any) -> dict[str, FloatArray]:
    if type(layer) is not Linear:
        raise TypeError(f"a course GPT has Linear layers, got {type(layer).__name__}")
    arrays = {"weight": _array(layer.weight).T}
    if layer.bias is not None:
        arrays["bias"] = _array(layer.bias)
    return arrays


def _array(tensor: Any) -> FloatArray:
    return np.array(tensor.data, np.float32)


def _same(name: str, values: list[Any]) -> Any:
    if not values or any(value != values[0] for value in values):
        raise ValueError(f"{name} must be the same in all blocks, and there must be one: {values}")
    return values[0]


def course_model(config: GptConfig, weights: Mapping[str, Any]) -> GPT:
    """Return a course GPT with these weights, to train further or to look into.

    Missing biases become zeros, a tied head a copy of the token table. Draws nothing from NumPy's
    global generator.

    Raises:
        ValueError: a config that a course GPT cannot have, weights that do not fit it.
    """
    wanted = {
        "norm": "layer",
        "positions": "learned",
        "activation": "gelu_sigmoid",
        "gated": False,
        "kv_heads": config.heads,
        "head_size": config.width // config.heads,
    }
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"a course GPT has {name} {value!r}, the config has {getattr(config, name)!r}"
            )
    given = fitting(config, weights)

    def array(name: str) -> FloatArray:
        return given.get(name, np.zeros(config.shapes()[name], np.float32))

    model = _blank(config)
    _set(model.token_embedding, "weight", array("tokens"))
    _set(model.position_embedding, "weight", array("positions"))
    _set(model.lm_head, "weight", array("tokens" if config.tied else "head.weight").T)
    _fill_norm(model.ln_f, config, array, "norm")
    for n, block in enumerate(model.blocks):
        _fill_block(block, config, array, f"blocks.{n}.")
    return model


def _blank(config: GptConfig) -> GPT:
    drawn = np.random.get_state()
    try:
        model = GPT(config.vocabulary, config.width, 0, config.heads, config.max_length)
        model.num_layers = config.layers
        model.blocks = [
            TransformerBlock(config.width, config.heads, hidden_dim=config.hidden)
            for _ in range(config.layers)
        ]
    finally:
        np.random.set_state(drawn)
    return model


def _fill_block(block: TransformerBlock, config: GptConfig, array: Any, prefix: str) -> None:
    attention = block.attention
    parts = (attention.q_proj, attention.k_proj, attention.v_proj)
    for kind in ("weight", "bias"):
        for layer, rows in zip(parts, np.split(array(f"{prefix}qkv.{kind}"), 3), strict=True):
            _set(layer, kind, rows.T)
        for name, layer in (
            ("proj", attention.out_proj),
            ("up", block.mlp.linear1),
            ("down", block.mlp.linear2),
        ):
            _set(layer, kind, array(f"{prefix}{name}.{kind}").T)
    _fill_norm(block.ln1, config, array, prefix + "norm1")
    _fill_norm(block.ln2, config, array, prefix + "norm2")


def _fill_norm(norm: LayerNorm, config: GptConfig, array: Any, prefix: str) -> None:
    norm.eps = config.eps
    _set(norm, "gamma", array(prefix + ".gamma"))
    _set(norm, "beta", array(prefix + ".beta"))


def _set(layer: Any, name: str, array: FloatArray) -> None:
    setattr(layer, name, Tensor(np.array(array, np.float32, order="C"), requires_grad=True))
