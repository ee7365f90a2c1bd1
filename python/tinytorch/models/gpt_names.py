"""The names that others give the arrays of a GPT, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .gpt import GptConfig

GPT2_BLOCK = {
    "ln_1.weight": "norm1.gamma",
    "ln_1.bias": "norm1.beta",
    "attn.c_attn.weight": "qkv.weight",
    "attn.c_attn.bias": "qkv.bias",
    "attn.c_proj.weight": "proj.weight",
    "attn.c_proj.bias": "proj.bias",
    "ln_2.weight": "norm2.gamma",
    "ln_2.bias": "norm2.beta",
    "mlp.c_fc.weight": "up.weight",
    "mlp.c_fc.bias": "up.bias",
    "mlp.c_proj.weight": "down.weight",
    "mlp.c_proj.bias": "down.bias",
}
GPT2_REST = {
    "wte.weight": "tokens",
    "wpe.weight": "positions",
    "ln_f.weight": "norm.gamma",
    "ln_f.bias": "norm.beta",
    "lm_head.weight": "head.weight",
}


def _array(weights: Mapping[str, Any], name: str, ndim: int) -> Any:
    if name not in weights:
        raise ValueError(f"the weights lack '{name}', which a GPT-2 has")
    array = np.asarray(weights[name])
    if array.ndim != ndim:
        raise ValueError(f"'{name}' must have {ndim} dimensions, got shape {array.shape}")
    return array


def from_gpt2_names(
    weights: Mapping[str, Any], *, heads: int, eps: float = 1e-5, activation: str = "gelu_tanh"
) -> tuple[dict[str, Any], GptConfig]:
    """Return canonical weights (views where possible) and the config of a GPT-2.

    Args:
        weights: arrays by GPT-2's published names: `wte.weight`, `wpe.weight`,
            `h.N.{ln_1,attn.c_attn,attn.c_proj,ln_2,mlp.c_fc,mlp.c_proj}.{weight,bias}`,
            `ln_f.{weight,bias}`, and `lm_head.weight` if it is not the token table. Matrices of
            blocks are (in, out), as there.
        heads: attention heads of a block; no array tells.
        eps: what norms add to the variance.
        activation: of the hidden layers.

    Raises:
        ValueError: a name that is missing or unknown, an array of the wrong number of dimensions.
    """
    tokens, positions = (_array(weights, name, 2) for name in ("wte.weight", "wpe.weight"))
    blocks = {name.split(".")[1] for name in weights if name.startswith("h.")}
    up = _array(weights, "h.0.mlp.c_fc.weight", 2)
    config = GptConfig(
        vocabulary=tokens.shape[0],
        width=tokens.shape[1],
        layers=len(blocks),
        heads=heads,
        hidden=up.shape[1],
        max_length=positions.shape[0],
        activation=activation,
        tied="lm_head.weight" not in weights,
        eps=eps,
    )
    named: dict[str, Any] = {}
    for name, array in weights.items():
        if name in GPT2_REST:
            named[GPT2_REST[name]] = array
            continue
        block, _, rest = name.removeprefix("h.").partition(".")
        if not name.startswith("h.") or rest not in GPT2_BLOCK:
            raise ValueError(f"a GPT-2 has no array called '{name}'")
        ours = GPT2_BLOCK[rest]
        matrix = ours.endswith(".weight")
        named[f"blocks.{block}.{ours}"] = _array(weights, name, 2).T if matrix else array
    return named, config
