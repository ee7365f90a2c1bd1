"""The names and layouts that other files have for the arrays of a GPT; from and to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gpt import GptConfig
from ..gpt_names import GPT2_BLOCK, GPT2_REST
from .arrays import Arrays, FloatArray

Weights = dict[str, FloatArray]


@dataclass(frozen=True)
class Layout:
    """Names by ours. Several names: the rows of queries, keys and values stand apart."""

    rest: dict[str, str]
    blocks: str  # before a block's names, with its number
    block: dict[str, tuple[str, ...]]
    turned: bool = False  # matrices of blocks are (in, out)

    def names(self, config: GptConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Give each array that such a config may have: our name, and theirs."""
        shapes = config.shapes()
        for ours, theirs in self.rest.items():
            if ours in shapes:
                yield ours, (theirs,)
        for n in range(config.layers):
            for ours, names in self.block.items():
                if f"blocks.{n}.{ours}" in shapes:
                    before = self.blocks.format(n)
                    yield f"blocks.{n}.{ours}", tuple(before + name for name in names)

    def is_turned(self, ours: str) -> bool:
        return self.turned and ours.startswith("blocks.") and ours.endswith(".weight")

    def weights(self, arrays: Arrays, config: GptConfig, has: Callable[[str], bool]) -> Weights:
        """Take a model's arrays. has: whether it has an optional one, by our name.

        Raises:
            ValueError: a tensor that is missing, has another shape, or no place.
        """
        shapes, required = config.shapes(), config.required()
        if config.tied:  # stored all the same by some; not used by anyone
            arrays.drop(self.rest["head.weight"])
        weights = {}
        for ours, theirs in self.names(config):
            if ours not in required and not has(ours):
                continue
            if len(theirs) > 1:
                shapes_of_parts = qkv_shapes(config, shapes[ours])
                parts = [arrays.take(*part) for part in zip(theirs, shapes_of_parts, strict=True)]
                weights[ours] = np.concatenate(parts)
            elif self.is_turned(ours):
                weights[ours] = arrays.take(theirs[0], shapes[ours][::-1]).T
            else:
                weights[ours] = arrays.take(theirs[0], shapes[ours])
        arrays.finish()
        return weights

    def tensors(
        self, weights: Mapping[str, Any], config: GptConfig, has: Callable[[str], bool]
    ) -> Weights:
        """Return the arrays by their names; optional ones that ours lack are zeros."""
        shapes, required = config.shapes(), config.required()
        tensors: Weights = {}
        for ours, theirs in self.names(config):
            if ours not in required and not has(ours):
                continue
            if ours in weights:
                array = np.asarray(weights[ours], np.float32)
            else:
                array = np.zeros(shapes[ours], np.float32)
            if len(theirs) > 1:
                ends = np.cumsum([shape[0] for shape in qkv_shapes(config, shapes[ours])])
                tensors |= zip(theirs, np.split(array, ends[:-1]), strict=True)
            else:
                tensors[theirs[0]] = array.T if self.is_turned(ours) else array
        return tensors


def qkv_shapes(config: GptConfig, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of queries, keys and values in a weight or bias of this shape."""
    heads = (config.heads, config.kv_heads, config.kv_heads)
    return [(count * config.head_size, *shape[1:]) for count in heads]


def _pair(ours: str, *theirs: str) -> dict[str, tuple[str, ...]]:
    return {
        f"{ours}.{kind}": tuple(f"{name}.{kind}" for name in theirs) for kind in ("weight", "bias")
    }


HF_GPT2 = Layout(
    {ours: theirs for theirs, ours in GPT2_REST.items()},
    "h.{}.",
    {ours: (theirs,) for theirs, ours in GPT2_BLOCK.items()},
    turned=True,
)
HF_LLAMA = Layout(
    {
        "tokens": "embed_tokens.weight",
        "norm.gamma": "norm.weight",
        "head.weight": "lm_head.weight",
    },
    "layers.{}.",
    {
        "norm1.gamma": ("input_layernorm.weight",),
        **_pair("qkv", *(f"self_attn.{part}_proj" for part in "qkv")),
        **_pair("proj", "self_attn.o_proj"),
        "norm2.gamma": ("post_attention_layernorm.weight",),
        **_pair("gate", "mlp.gate_proj"),
        **_pair("up", "mlp.up_proj"),
        **_pair("down", "mlp.down_proj"),
    },
)
_GGUF_REST = {
    "tokens": "token_embd.weight",
    "positions": "position_embd.weight",
    "norm.gamma": "output_norm.weight",
    "norm.beta": "output_norm.bias",
    "head.weight": "output.weight",
}
_GGUF_BLOCK = {
    "norm1.gamma": ("attn_norm.weight",),
    "norm1.beta": ("attn_norm.bias",),
    **_pair("proj", "attn_output"),
    "norm2.gamma": ("ffn_norm.weight",),
    "norm2.beta": ("ffn_norm.bias",),
    **_pair("gate", "ffn_gate"),
    **_pair("up", "ffn_up"),
    **_pair("down", "ffn_down"),
}
GGUF_GPT2 = Layout(_GGUF_REST, "blk.{}.", {**_pair("qkv", "attn_qkv"), **_GGUF_BLOCK})
GGUF_LLAMA = Layout(
    _GGUF_REST, "blk.{}.", {**_pair("qkv", "attn_q", "attn_k", "attn_v"), **_GGUF_BLOCK}
)
