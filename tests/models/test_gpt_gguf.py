"""GGUF files of GPT-2 and Llama: the logits of `transformers` with the numbers that are stored."""

from __future__ import annotations

import struct

import gguf_models
import hf_models
import numpy as np
import pytest
from gguf_models import gguf, round_matrices, write_gguf
from hf_models import TOKENS, assert_parity, random_model

from tinytorch.io import load_gguf
from tinytorch.models.gpt import RopeScaling
from tinytorch.models.gpt_files import load_gpt

T = gguf.GGUFValueType
# Rows are multiples of 32, the block of the quantized formats.
GPT2 = {**hf_models.GPT2, "n_embd": 64, "n_inner": 96}
LLAMA = {**hf_models.LLAMA, "hidden_size": 96, "intermediate_size": 64, "rope_theta": 500.0}
MODELS = {
    "gpt2": GPT2,
    "gpt2_untied": {**GPT2, "tie_word_embeddings": False},
    "llama": LLAMA,
    "llama_tied": {**LLAMA, "tie_word_embeddings": True, "head_dim": 32},
    "llama_biases": {**LLAMA, "attention_bias": True},
    "llama_linear_rope": {
        **LLAMA,
        "rope_parameters": {"rope_type": "linear", "rope_theta": 50.0, "factor": 3.0},
    },
    "llama3": {
        **LLAMA,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 5e3,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    },
}


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0"])
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_transformers(tmp_path, name, kind):
    model = random_model(**MODELS[name])
    exact = model.lm_head.weight.detach().clone()
    round_matrices(model, kind)
    write_gguf(tmp_path / "f.gguf", model, kind)
    formats = set(load_gguf(tmp_path / "f.gguf").formats.values())
    assert formats == {"F32", kind}
    assert_parity(model, tmp_path / "f.gguf")
    error = (model.lm_head.weight - exact).abs().max() / exact.abs().max()
    assert error <= {"F32": 0, "F16": 2**-11, "Q8_0": 1 / 200, "Q4_0": 1 / 8}[kind]


def test_the_scaling_of_llama_3_is_found_again(tmp_path):
    model = random_model(**MODELS["llama3"])
    write_gguf(tmp_path / "f.gguf", model, "F32")
    config = load_gpt(tmp_path / "f.gguf").config
    assert config.rope_scaling == RopeScaling("llama3", 32.0)
    np.testing.assert_allclose(
        config.rotary_frequencies(), model.model.rotary_emb.inv_freq.numpy(), rtol=1e-6
    )


def test_factors_of_frequencies_have_no_place_in_gpt2(tmp_path, monkeypatch):
    model = random_model(**GPT2)
    tensors = gguf_models.gguf_tensors(model) | {"rope_freqs.weight": np.ones(8, np.float32)}
    monkeypatch.setattr(gguf_models, "gguf_tensors", lambda model: tensors)
    write_gguf(tmp_path / "f.gguf", model, "F32")
    with pytest.raises(ValueError, match=r"without a place in such a model: 'rope_freqs\.weight'"):
        load_gpt(tmp_path / "f.gguf")


def test_other_factors_of_frequencies_are_refused(tmp_path):
    rope = {**MODELS["llama3"]["rope_parameters"], "high_freq_factor": 9.0}
    write_gguf(tmp_path / "f.gguf", random_model(**{**LLAMA, "rope_parameters": rope}), "F32")
    with pytest.raises(ValueError, match=r"'rope_freqs\.weight' has other factors than those of"):
        load_gpt(tmp_path / "f.gguf")


@pytest.mark.parametrize("name", ["gpt2", "llama", "llama_linear_rope", "llama3"])
def test_llama_cpp_computes_the_same(tmp_path, name):
    """Its reading of the file is what the format means; Llama's rows are in an order of its own."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="compares with llama.cpp where it is")
    model = random_model(**MODELS[name])
    path = tmp_path / "f.gguf"
    write_gguf(path, model, "F32")
    theirs = llama_cpp.Llama(
        str(path), n_ctx=40, n_batch=40, n_threads=1, logits_all=True, verbose=False,
        type_k=0, type_v=0,  # the cache in F32
    )  # fmt: skip
    theirs.eval([int(t) for t in TOKENS])
    logits = np.array(theirs.scores[: len(TOKENS)])
    theirs.close()
    np.testing.assert_allclose(
        hf_models.our_logits(load_gpt(path)), logits, atol=0.01
    )  # GELU by table


def test_what_is_loaded(tmp_path):
    path = tmp_path / "model"  # known by its first bytes, not by its name
    write_gguf(path, random_model(**LLAMA), "F32")
    (tmp_path / "tokenizer.json").write_text("{}")
    loaded = load_gpt(path)
    assert loaded.path == path
    assert loaded.given["general.architecture"] == "llama"
    assert loaded.tokenizer_files == {"tokenizer.json": tmp_path / "tokenizer.json"}
    assert (loaded.config.kv_heads, loaded.config.rope_theta) == (2, 500.0)
    assert not loaded.config.tied


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"llama__expert_count": (8, T.UINT32)}, "llama.expert_count = 8 is not supported"),
        ({"llama__rope__scaling__type": ("yarn", T.STRING)}, "llama.rope.scaling.type = 'yarn'"),
        (
            {"llama__attention__sliding_window": (64, T.UINT32)},
            "llama.attention.sliding_window is not",
        ),
        ({"llama__attention__causal": (False, T.BOOL)}, "llama.attention.causal = False"),
        ({"llama__logit_scale": (0.5, T.FLOAT32)}, "llama.logit_scale is not supported"),
        ({"llama__attention__scale": (0.5, T.FLOAT32)}, "llama.attention.scale is not supported"),
    ],
)
def test_what_is_not_computed_is_refused_by_its_key(tmp_path, keys, text):
    write_gguf(tmp_path / "f.gguf", random_model(**LLAMA), "F32", **keys)
    with pytest.raises(ValueError, match=rf"f\.gguf: {text}"):
        load_gpt(tmp_path / "f.gguf")


def replaced(path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))


def number(key: str, value: int) -> bytes:
    return key.encode() + struct.pack("<II", 4, value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"\5" + bytes(7) + b"llama", b"\5" + bytes(7) + b"mamba", "architecture 'mamba' is not"),
        (number("llama.block_count", 2), number("llama.block_count", 3), r"'blk\.2.*is missing"),
        (number("llama.block_count", 2), number("llama.block_count", 1), "without a place"),
        (number("llama.block_count", 2), number("llama.block_count", 2**31), "layers must be 1"),
        (
            number("llama.embedding_length", 96),
            number("llama.embedding_length", 95),
            r"'token_embd.weight' must have shape \(61, 95\) by the config, got \(61, 96\)",
        ),
        (
            number("llama.attention.value_length", 16),
            number("llama.attention.value_length", 8),
            "value_length = 8 is not supported; only 16",
        ),
        (
            number("llama.rope.dimension_count", 16),
            number("llama.rope.dimension_count", 8),
            "dimension_count = 8 is not supported",
        ),
        (
            number("llama.attention.head_count", 6),
            number("llama.attention.head_counT", 6),
            "llama.attention.head_counT is not supported",
        ),
        (b"token_embd.weight", b"token_embD.weight", "'token_embd.weight', a matrix, is"),
        (b"blk.1.ffn_up.weight", b"blk.1.ffn_uP.weight", r"'blk\.1\.ffn_up\.weight'.*missing"),
        (b"output_norm.weight", b"rope_freqs_.weight", "'output_norm.weight'.*missing"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:20],
)  # fmt: skip
def test_files_that_do_not_fit_together_are_refused(tmp_path, old, new, text):
    path = tmp_path / "f.gguf"
    write_gguf(path, random_model(**LLAMA), "F32")
    replaced(path, old, new)
    with pytest.raises(ValueError, match=rf"f\.gguf.*{text}"):
        load_gpt(path)
