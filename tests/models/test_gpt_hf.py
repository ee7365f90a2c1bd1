"""Hugging Face folders: logits of `transformers` after loading theirs and after it loads ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpt_reference import random_weights
from hf_models import (
    GPT2,
    LLAMA,
    TOKENS,
    assert_parity,
    our_logits,
    random_model,
    save,
    their_logits,
    torch,
    transformers,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.models.gpt import GptConfig, RopeScaling
from tinytorch.models.gpt_files import LoadedGpt, load_gpt, save_hf
from tinytorch.models.gpt_net import GptNet
from tinytorch.runtime import GptSession

MODELS: dict[str, dict[str, Any]] = {
    "gpt2": GPT2,
    "gpt2_untied": {**GPT2, "tie_word_embeddings": False, "layer_norm_epsilon": 1e-3},
    "gpt2_relu": {**GPT2, "activation_function": "relu", "n_inner": 20},
    "gpt2_gelu": {**GPT2, "activation_function": "gelu"},
    "gpt2_quick_gelu": {**GPT2, "activation_function": "quick_gelu"},
    "gpt2_upcast": {**GPT2, "reorder_and_upcast_attn": True},
    "llama": LLAMA,
    "llama_tied": {**LLAMA, "tie_word_embeddings": True},
    "llama_one_kv_head": {**LLAMA, "num_key_value_heads": 1, "head_dim": 10},
    "llama_all_kv_heads": {**LLAMA, "num_key_value_heads": 6, "head_dim": 4},
    "llama_rope_theta": {
        **LLAMA,
        "rope_parameters": {"rope_type": "default", "rope_theta": 50.0},
        "rms_norm_eps": 1e-2,
    },
    "llama_linear_rope": {
        **LLAMA,
        "rope_parameters": {"rope_type": "linear", "rope_theta": 50.0, "factor": 2.5},
    },
    "llama3": {
        **LLAMA,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 20.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 3.0,
            "original_max_position_embeddings": 24,
        },
    },
    "llama_biases": {**LLAMA, "attention_bias": True, "mlp_bias": True},
    "llama_attention_bias": {**LLAMA, "attention_bias": True},
    "llama_gelu": {**LLAMA, "hidden_act": "gelu_pytorch_tanh"},
}


@pytest.mark.parametrize("name", MODELS)
def test_logits_of_their_models_are_theirs(tmp_path, name):
    model = random_model(**MODELS[name])
    assert_parity(model, save(model, tmp_path))


def their_copy(folder: Path) -> Any:
    """What `transformers` loads in float32, nothing missing and nothing left over."""
    model, told = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    assert not any(told.values()), told
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
def test_models_that_we_save_are_loaded_by_transformers(tmp_path, name):
    model = random_model(**MODELS[name])
    loaded = load_gpt(save(model, tmp_path / "theirs"))
    save_hf(tmp_path / "ours", loaded.config, loaded.weights)
    copy = their_copy(tmp_path / "ours")
    assert copy.state_dict().keys() == model.state_dict().keys()
    for key, tensor in model.state_dict().items():
        assert torch.equal(copy.state_dict()[key], tensor)
    np.testing.assert_allclose(their_logits(copy), their_logits(model), rtol=0, atol=1e-5)
    again = load_gpt(tmp_path / "ours")
    assert again.config == loaded.config


activations = st.sampled_from(["gelu", "gelu_tanh", "gelu_sigmoid", "relu", "silu"])


scalings = st.builds(
    RopeScaling,
    st.sampled_from(["linear", "llama3"]),
    st.sampled_from([1.0, 2.5, 32.0]),
    st.sampled_from([0.5, 1.0]),
    st.sampled_from([1.5, 4.0]),
    st.integers(1, 10000),
)


@st.composite
def configs(draw: st.DrawFn) -> GptConfig:
    kv_heads = draw(st.integers(1, 3))
    heads = kv_heads * draw(st.integers(1, 3))
    shared = {
        "vocabulary": 61,
        "width": heads * draw(st.integers(1, 9)),
        "layers": draw(st.integers(1, 3)),
        "heads": heads,
        "hidden": draw(st.integers(1, 40)),
        "max_length": draw(st.integers(33, 50)),
        "activation": draw(activations),
        "tied": draw(st.booleans()),
        "eps": draw(st.sampled_from([1e-6, 1e-5, 1e-2])),
    }
    if draw(st.booleans()):
        return GptConfig(**shared)
    return GptConfig(
        **shared,
        kv_heads=kv_heads,
        head_size=2 * draw(st.integers(1, 9)),
        norm="rms",
        positions="rotary",
        rope_theta=draw(st.sampled_from([10.0, 1e4, 5e5])),
        rope_scaling=draw(st.none() | scalings),
        gated=True,
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(configs(), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9))
def test_any_model_of_ours_has_the_same_logits_there(tmp_path, config, optional, seed):
    """Biases and betas that ours lack are zeros there."""
    weights = random_weights(config, seed, optional)
    expected = our_logits(LoadedGpt(config, weights, tmp_path, {}))
    save_hf(tmp_path, config, weights)
    # Its sizes may be such that nothing keeps activations near 1.
    tolerance = 1e-4 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(their_logits(their_copy(tmp_path)), expected, atol=tolerance)
    np.testing.assert_allclose(our_logits(load_gpt(tmp_path)), expected, atol=tolerance / 10)


@pytest.mark.parametrize("config", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_weights_in_parts(tmp_path, config):
    model = random_model(**config)
    save(model, tmp_path, max_shard_size="40KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert_parity(model, tmp_path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("config", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_other_element_types_become_float32(tmp_path, config, dtype):
    model = random_model(**config).to(getattr(torch, dtype))
    save(model, tmp_path)
    assert set(load_safetensors(tmp_path / "model.safetensors").dtypes.values()) == {dtype}
    loaded = load_gpt(tmp_path)
    assert {array.dtype for array in loaded.weights.values()} == {np.dtype(np.float32)}
    assert_parity(their_copy(tmp_path), tmp_path)


def rewrite(folder: Path, *drop: str, **changes: Any) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in config.items() if k not in drop}))


@pytest.mark.parametrize(
    "scaling",
    [None, {"type": "linear", "factor": 3.0},
     {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 30}],
    ids=["none", "linear", "llama3"],
)  # fmt: skip
def test_configs_of_releases_before_5(tmp_path, scaling):
    rope = {"rope_type": "default", "rope_theta": 77.0} | (scaling or {})
    rope["rope_type"] = rope.pop("type", rope["rope_type"])
    model = random_model(**LLAMA, rope_parameters=rope)
    save(model, tmp_path)
    rewrite(tmp_path, "rope_parameters", "head_dim", rope_theta=77.0, rope_scaling=scaling)
    assert_parity(model, tmp_path)
    theirs = model.model.rotary_emb.inv_freq.numpy()
    ours = load_gpt(tmp_path).config.rotary_frequencies()
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_names_of_the_published_gpt2(tmp_path):
    """No prefix, masks among the weights, a head that is stored though tied."""
    model = random_model(**GPT2)
    save(model, tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = {
        name.removeprefix("transformer."): array for name, array in load_safetensors(path).items()
    }
    tensors["h.0.attn.bias"] = np.ones((1, 1, 40, 40), np.uint8)
    tensors["h.1.attn.masked_bias"] = np.full((), -1e4, np.float32)
    tensors["lm_head.weight"] = tensors["wte.weight"]
    save_safetensors(path, tensors)
    assert_parity(model, tmp_path)


def test_what_is_loaded(tmp_path):
    save(random_model(**LLAMA), tmp_path)
    for name in ("tokenizer.json", "merges.txt"):
        (tmp_path / name).write_text("")
    loaded = load_gpt(str(tmp_path))
    assert loaded.path == tmp_path
    assert loaded.given["model_type"] == "llama"
    assert loaded.tokenizer_files == {n: tmp_path / n for n in ("tokenizer.json", "merges.txt")}
    assert loaded.config == GptConfig(
        61, 48, 2, 6, kv_heads=2, head_size=8, hidden=80, max_length=40, norm="rms",
        positions="rotary", activation="silu", gated=True, tied=False, eps=1e-6,
    )  # fmt: skip


def test_a_network_that_was_trained_here_goes_there(tmp_path):
    net = GptNet(GptConfig(61, 48, 2, 4, max_length=40), biases=True)
    net.load_weights(random_weights(net.config))
    net.eval()
    save_hf(tmp_path, net.config, net.weights())
    expected = net.forward(TOKENS[None]).data[0]
    np.testing.assert_allclose(their_logits(their_copy(tmp_path)), expected, rtol=0, atol=1e-4)


def test_greedy_texts_are_those_of_transformers(tmp_path):
    model = random_model(**LLAMA)
    loaded = load_gpt(save(model, tmp_path))
    prompt = torch.tensor(TOKENS[:5])[None]
    theirs = model.generate(prompt, max_new_tokens=30, do_sample=False, pad_token_id=0)
    ours = GptSession(loaded.weights, loaded.config).generate(TOKENS[None, :5], 30)
    assert ours[0].tolist() == theirs[0, 5:].tolist()
