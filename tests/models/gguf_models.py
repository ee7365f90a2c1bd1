"""GGUF files of small `transformers` models, written as llama.cpp's converter writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hf_models import torch

gguf = pytest.importorskip("gguf", reason="the extra `test` brings gguf")

# fmt: off
_COMMON = {"ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv",
           "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
           "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
           "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
           "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
           "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
# fmt: on
_REST = {
    "wte": "token_embd",
    "wpe": "position_embd",
    "ln_f": "output_norm",
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
}  # fmt: skip


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows (half, half) of each head as neighbours: the order of GGUF's Llama."""
    halves = rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def rope_factors(model: Any) -> np.ndarray:
    """What the frequencies of Llama 3.1 are the plain ones divided by."""
    config = model.config
    pairs = np.arange(0, config.head_dim, 2) / config.head_dim
    plain = config.rope_parameters["rope_theta"] ** -pairs
    return np.float32(plain / model.model.rotary_emb.inv_freq.numpy())


def gguf_tensors(model: Any) -> dict[str, np.ndarray]:
    config, tensors = model.config, {}
    if (getattr(config, "rope_parameters", None) or {}).get("rope_type") == "llama3":
        tensors["rope_freqs.weight"] = rope_factors(model)
    for name, value in model.state_dict().items():
        array = value.float().numpy()
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        stem, _, kind = name.removeprefix("transformer.").removeprefix("model.").rpartition(".")
        if stem in _REST:
            tensors[f"{_REST[stem]}.{kind}"] = array
            continue
        _, block, stem = stem.split(".", 2)
        if ".c_" in stem and kind == "weight":
            array = array.T
        if stem == "self_attn.q_proj":
            array = interleaved(array, config.num_attention_heads)
        elif stem == "self_attn.k_proj":
            array = interleaved(array, config.num_key_value_heads)
        tensors[f"blk.{block}.{_COMMON[stem]}.{kind}"] = np.ascontiguousarray(array)
    return tensors


def round_matrices(model: Any, kind: str) -> None:
    """Give the model's matrices the numbers that `write_gguf` will store."""
    form = gguf.GGMLQuantizationType[kind]
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and "wpe" not in name:
            rows = parameter.data.T if ".c_" in name else parameter.data
            numbers = gguf.quants.dequantize(gguf.quants.quantize(rows.numpy(), form), form)
            rows.copy_(torch.tensor(numbers.reshape(rows.shape)))


def write_gguf(path: Path, model: Any, kind: str, **keys: Any) -> None:
    """Write matrices in format `kind`, the rest in F32. keys: more metadata, "__" for a dot."""
    config = model.config
    writer = gguf.GGUFWriter(path, config.model_type)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        rope = config.rope_parameters
        writer.add_rope_freq_base(rope["rope_theta"])
        if rope["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_dimension_count(config.head_dim)
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    for key, (value, value_kind) in keys.items():
        writer.add_key_value(key.replace("__", "."), value, value_kind)
    for name, array in gguf_tensors(model).items():
        plain = array.ndim == 1 or name == "position_embd.weight"
        form = gguf.GGMLQuantizationType["F32" if plain else kind]
        writer.add_tensor(name, gguf.quants.quantize(array, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
