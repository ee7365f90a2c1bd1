"""GGUF files of the architectures gpt2 and llama, as llama.cpp's converter makes them.

Matrices are (out, in). Llama's rotary positions turn neighbours there, (2 i, 2 i + 1), where
Hugging Face and we turn (i, i + size / 2): the rows of a head's queries and keys are in another
order, and are put back here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...io import GgufFile, load_gguf
from ..gpt import GptConfig, RopeScaling
from .arrays import Arrays, FloatArray
from .fields import Fields
from .layouts import GGUF_GPT2, GGUF_LLAMA, Weights

# What the frequencies of rotary positions are divided by, (head_size / 2).
_ROPE_FACTORS = "rope_freqs.weight"
_LAYOUTS = {"gpt2": GGUF_GPT2, "llama": GGUF_LLAMA}


def load_gguf_model(path: Path) -> tuple[GptConfig, Weights, dict[str, Any]]:
    """Return config, canonical weights and metadata of a GGUF file."""
    file = load_gguf(path)
    fields = Fields(file.metadata, str(path))
    kind = fields.text("general.architecture")
    if kind not in _READERS:
        raise fields.refuse(f"general.architecture {kind!r} is not supported; gpt2 and llama are")
    _check_keys(fields, kind)
    config = fields.config(
        vocabulary=_vocabulary(file, fields),
        tied=_LAYOUTS[kind].rest["head.weight"] not in file,
        **_READERS[kind](fields),
    )
    if kind == "llama":
        config = replace(config, rope_scaling=_rope_scaling(file, fields, config))
        arrays = Arrays(_HalfSplit(file, config), str(path), ignored=re.escape(_ROPE_FACTORS))
    else:
        arrays = Arrays(file, str(path))
    layout = _LAYOUTS[kind]
    given = {ours for ours, theirs in layout.names(config) if any(t in file for t in theirs)}
    return config, layout.weights(arrays, config, given.__contains__), file.metadata


# Keys after the architecture's name that are read, or do not change the logits.
_KEYS = r"""
    vocab_size | context_length | embedding_length | block_count | feed_forward_length
  | attention\.(head_count | head_count_kv | layer_norm_epsilon | layer_norm_rms_epsilon
              | key_length | value_length | causal)
  | rope\.(dimension_count | freq_base | scaling\.type | scaling\.factor
         | scaling\.original_context_length | scale_linear)
  | expert_count | expert_used_count | use_parallel_residual | tensor_data_layout
"""


def _check_keys(fields: Fields, kind: str) -> None:
    """An architecture's keys describe what is computed, so that unknown ones are refused."""
    for key in fields.given:
        name = key.removeprefix(kind + ".")
        if name != key and not re.fullmatch(_KEYS, name, re.VERBOSE):
            raise fields.refuse(f"{key} is not supported")
    for name, neutral in (
        ("attention.causal", (True,)),
        ("rope.scaling.type", ("none", "linear") if kind == "llama" else ("none",)),
        ("rope.scale_linear", (1.0,)),
        ("expert_count", (0,)),
        ("expert_used_count", (0,)),
        ("use_parallel_residual", (False,)),
    ):
        fields.only(f"{kind}.{name}", *neutral)


def _vocabulary(file: GgufFile, fields: Fields) -> int:
    shape = file.shapes.get("token_embd.weight", ())
    if len(shape) != 2:
        raise fields.refuse("the tensor 'token_embd.weight', a matrix, is missing")
    return shape[0]


def _read_gpt2(fields: Fields) -> dict[str, Any]:
    return {
        "width": fields.integer("gpt2.embedding_length"),
        "layers": fields.integer("gpt2.block_count"),
        "heads": fields.integer("gpt2.attention.head_count"),
        "hidden": fields.integer("gpt2.feed_forward_length"),
        "max_length": fields.integer("gpt2.context_length"),
        "eps": fields.number("gpt2.attention.layer_norm_epsilon"),
    }


def _read_llama(fields: Fields) -> dict[str, Any]:
    width, heads = (
        fields.integer("llama.embedding_length"),
        fields.integer("llama.attention.head_count"),
    )
    head_size = fields.integer("llama.attention.key_length", width // max(1, heads))
    fields.only("llama.attention.value_length", head_size)
    fields.only("llama.rope.dimension_count", head_size)
    return {
        "width": width,
        "layers": fields.integer("llama.block_count"),
        "heads": heads,
        "kv_heads": fields.integer("llama.attention.head_count_kv", None),
        "head_size": head_size,
        "hidden": fields.integer("llama.feed_forward_length"),
        "max_length": fields.integer("llama.context_length"),
        "norm": "rms",
        "positions": "rotary",
        "rope_theta": fields.number("llama.rope.freq_base", 10000.0),
        "rope_scaling": _linear_scaling(fields),
        "activation": "silu",
        "gated": True,
        "eps": fields.number("llama.attention.layer_norm_rms_epsilon"),
    }


_READERS: dict[str, Callable[[Fields], dict[str, Any]]] = {
    "gpt2": _read_gpt2,
    "llama": _read_llama,
}


def _linear_scaling(fields: Fields) -> dict[str, Any] | None:
    if fields.text("llama.rope.scaling.type", "none") != "linear":
        return None
    return {"kind": "linear", "factor": fields.number("llama.rope.scaling.factor")}


def _rope_scaling(file: GgufFile, fields: Fields, config: GptConfig) -> RopeScaling | None:
    """The scaling of Llama 3.1 is a tensor, of which the parameters are found again."""
    if _ROPE_FACTORS not in file:
        return config.rope_scaling
    if config.rope_scaling is not None:
        raise fields.refuse(
            f"rotary positions are scaled twice: linearly, and by {_ROPE_FACTORS!r}"
        )
    divisors = np.asarray(file[_ROPE_FACTORS], np.float64)
    plain = np.array(config.rotary_frequencies())
    if divisors.shape == plain.shape and np.isfinite(divisors).all():
        # They are rounded to float32.
        scaling = RopeScaling("llama3", max(1.0, round(float(divisors.max()), 4)))
        scaled = replace(config, rope_scaling=scaling).rotary_frequencies()
        if np.allclose(plain, np.multiply(scaled, divisors), rtol=1e-4, atol=0.0):
            return scaling
    raise fields.refuse(
        f"the tensor {_ROPE_FACTORS!r} has other factors than those of Llama 3.1 to 3.3"
    )


class _HalfSplit(Mapping[str, FloatArray]):
    """The tensors of a file, rows of queries and keys in the order that we have."""

    def __init__(self, file: GgufFile, config: GptConfig) -> None:
        self._file = file
        self._size = config.head_size

    def __getitem__(self, name: str) -> FloatArray:
        array = self._file[name]
        if not re.fullmatch(r"blk\.\d+\.attn_[qk]\.(weight|bias)", name):
            return array
        if len(array) % self._size != 0:
            return array  # refused for its shape by whoever asked
        pairs = array.reshape(-1, self._size // 2, 2, *array.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(array.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    def __len__(self) -> int:
        return len(self._file)
