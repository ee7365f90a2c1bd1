"""Checkpoints that the engine does not compute, or that are not sound: refused with the place."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, random_weights
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.models.gpt import GptConfig
from tinytorch.models.gpt_files import load_gpt, save_gpt, save_hf


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def folder_of(kind: str, folder: Path) -> Path:
    config = {"gpt2": GPT2, "llama": LLAMA}[kind]
    return save_hf(folder, config, random_weights(config))


def rewrite(folder: Path, changes: dict[str, Any]) -> None:
    """Change fields of config.json; `...` removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not ...}))


BOTH: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "mistral"}, "model_type 'mistral' is not supported; gpt2 and llama are"),
    ({"model_type": ...}, "'model_type' is missing"),
    ({"model_type": 7}, "model_type must be a text, got 7"),
    ({"vocab_size": ...}, "'vocab_size' is missing"),
    ({"vocab_size": "37"}, "vocab_size must be an integer, got '37'"),
    ({"vocab_size": 37.0}, "vocab_size must be an integer"),
    ({"vocab_size": True}, "vocab_size must be an integer"),
    ({"vocab_size": 10**30}, "vocabulary must be an integer"),
    ({"vocab_size": -1}, "vocabulary must be 1 to"),
    ({"vocab_size": 10**9}, "vocabulary must be 1 to"),
    ({"vocab_size": 38}, r"must have shape \(38, 48\) by the config, got \(37, 48\)"),
    ({"tie_word_embeddings": 1}, "tie_word_embeddings must be true or false"),
    ({"is_encoder_decoder": True}, "is_encoder_decoder = True is not supported; only False"),
    ({"sliding_window": 4096}, "sliding_window = 4096"),
    ({"layer_types": ["sliding_attention"]}, "layer_types"),
    ({"layer_types": 1}, "layer_types"),
    ({"quantization_config": {"quant_method": "gptq"}}, "quantization_config = {'quant_meth"),
]
GPT2_ONLY: list[tuple[dict[str, Any], str]] = [
    ({"activation_function": "tanh"}, "activation_function 'tanh' is not supported; gelu_new"),
    ({"scale_attn_weights": False}, "scale_attn_weights = False"),
    ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
    ({"add_cross_attention": True}, "add_cross_attention = True"),
    ({"n_layer": 3}, r"'h\.2\.ln_1\.weight', of shape \(48,\), is missing"),
    ({"n_layer": 1}, r"tensors without a place in such a model: 'h\.1\..* and 9 more"),
    ({"n_layer": 10**7}, "layers must be 1 to"),
    ({"n_head": 5}, "5 heads do not divide the width 48"),
    ({"n_inner": 100}, r"'h\.0\.mlp\.c_fc\.weight' must have shape \(48, 100\)"),
    ({"n_positions": 41}, r"'wpe\.weight' must have shape \(41, 48\)"),
    ({"layer_norm_epsilon": 0}, "eps must be above 0"),
    ({"tie_word_embeddings": False}, "'lm_head.weight'.* is missing"),
]
LLAMA_ONLY: list[tuple[dict[str, Any], str]] = [
    (
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0}},
        "rope_parameters: rope_type 'yarn'",
    ),
    ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope_scaling: rope_type 'dynamic'"),
    ({"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling: the field 'factor' is missing"),
    ({"rope_scaling": {"type": "linear", "factor": "2"}}, "factor must be a number, got '2'"),
    ({"rope_scaling": {"type": "linear", "factor": 0.5}}, "factor must be a number from 1"),
    ({"rope_scaling": {"type": "linear", "factor": 2, "low": 1}}, "low = 1 is not supported"),
    (
        {
            "rope_scaling": {
                "type": "llama3",
                "factor": 2,
                "low_freq_factor": 4,
                "high_freq_factor": 4,
                "original_max_position_embeddings": 10,
            }
        },
        "must be 0 < low < high, got 4",
    ),
    ({"rope_parameters": {"factor": 2.0}}, "rope_parameters: factor = 2.0 is not supported"),
    ({"rope_parameters": {"full_attention": {"rope_theta": 1.0}}}, "full_attention = "),
    ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor = 0.5"),
    ({"partial_rotary_factor": 0.5}, "partial_rotary_factor = 0.5"),
    ({"rope_parameters": [1]}, r"rope_parameters must be an object, got \[1\]"),
    ({"rope_parameters": None, "rope_theta": -1.0}, "rope_theta must be a positive number"),
    ({"rope_parameters": None, "rope_theta": 10**400}, "rope_theta must be a number"),
    ({"hidden_act": "mish"}, "hidden_act 'mish' is not supported"),
    ({"attention_bias": False, "mlp_bias": True}, "without a place"),
    ({"mlp_bias": False}, "without a place"),
    ({"num_key_value_heads": 4}, "4 kv_heads do not divide the 6 heads"),
    ({"num_key_value_heads": 3}, r"k_proj\.weight' must have shape \(30, 48\)"),
    ({"head_dim": 9}, "head_size must be even"),
    ({"rms_norm_eps": "small"}, "rms_norm_eps must be a number"),
    ({"num_local_experts": 8}, "num_local_experts = 8"),
]


@pytest.mark.parametrize(("changes", "text"), BOTH)
def test_configs_of_both_are_refused(tmp_path, kind, changes, text):
    rewrite(folder_of(kind, tmp_path), changes)
    with pytest.raises(ValueError, match=rf"{tmp_path}.*{text}"):
        load_gpt(tmp_path)


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [("gpt2", *case) for case in GPT2_ONLY] + [("llama", *case) for case in LLAMA_ONLY],
)
def test_configs_of_one_are_refused(tmp_path, kind, changes, text):
    rewrite(folder_of(kind, tmp_path), changes)
    with pytest.raises(ValueError, match=rf"{tmp_path}.*{text}"):
        load_gpt(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[]", "must hold an object, got list"), ("{", "not sound JSON"), ("null", "NoneType"),
     ("[" * 100_000, "config.json"), ('{"model_type": "gpt2", "model_type": "llama"}', "duplicate"),
     ('{"vocab_size": NaN}', "NaN is not JSON")],
)  # fmt: skip
def test_a_config_that_is_not_sound_is_refused(tmp_path, text, said):
    folder_of("gpt2", tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        load_gpt(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_value_in_any_field_loads_or_is_refused(tmp_path, kind, data):
    folder = tmp_path / "model"
    if not folder.exists():
        folder_of(kind, folder)
        (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    config = json.loads((tmp_path / "config.json").read_text())
    field = data.draw(st.sampled_from(sorted(config)))
    (folder / "config.json").write_text(json.dumps({**config, field: data.draw(json_values)}))
    try:
        load_gpt(folder)
    except ValueError as error:
        assert str(folder) in str(error)  # noqa: PT017  the message may come from anywhere


def change_tensors(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    tensors = dict(load_safetensors(path, copy=True))
    change(tensors)
    save_safetensors(path, tensors)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.update(extra=np.ones(2)), "without a place in such a model: 'extra'"),
        (lambda t: t.update(a=np.ones(2), b=np.ones(2), c=np.ones(2), d=np.ones(2)), "1 more"),
        (lambda t: t.pop("transformer.ln_f.bias"), r"'ln_f\.bias', of shape \(48,\), is missing"),
        (lambda t: t.update({"wte.weight": t["transformer.wte.weight"]}), "both 'wte.weight' and"),
        (
            lambda t: t.update({"transformer.ln_f.bias": np.ones(48, np.int64)}),
            r"'transformer\.ln_f\.bias' has element type int64; weights are floats",
        ),
        (
            lambda t: t.update({"transformer.ln_f.bias": np.ones((48, 1), np.float32)}),
            r"'ln_f\.bias' must have shape \(48,\) by the config, got \(48, 1\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, change, text):
    folder_of("gpt2", tmp_path)
    change_tensors(tmp_path, change)
    with pytest.raises(ValueError, match=rf"{tmp_path}.*{text}"):
        load_gpt(tmp_path)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({"weight_map": {"wte.weight": "../model.safetensors"}}, "is not the name of a safetens"),
        ({"weight_map": {"wte.weight": "/etc/passwd"}}, "is not the name of a safetensors file"),
        ({"weight_map": {"wte.weight": "weights.bin"}}, "is not the name of a safetensors file"),
        ({"weight_map": {"nothing": "part.safetensors"}}, "part.safetensors: lacks 'nothing'"),
        ({"weight_map": {"wte.weight": 1}}, "weight_map must name the file of each tensor"),
        ({"weight_map": []}, "weight_map must name"),
        ({}, "weight_map must name"),
        ([], "weight_map must name"),
        ({"weight_map": {}}, "'wte.weight'.* is missing"),
    ],
)
def test_an_index_that_is_not_sound_is_refused(tmp_path, index, text):
    folder_of("gpt2", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "part.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=text):
        load_gpt(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        load_gpt(tmp_path)
    for name in ("nothing", "nothing.gguf", "nothing.safetensors"):
        with pytest.raises(FileNotFoundError, match="nothing"):
            load_gpt(tmp_path / name)
    folder_of("gpt2", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        load_gpt(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"pickled \(.bin\), which is never read"):
        load_gpt(tmp_path)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (replace(GPT2, norm="rms"), "needs norm 'layer', got 'rms'"),
        (replace(GPT2, gated=True), "needs gated False"),
        (replace(GPT2, kv_heads=1), "needs kv_heads 3, got 1"),
        (replace(GPT2, head_size=8), "needs head_size 16, got 8"),
        (replace(LLAMA, norm="layer"), "needs norm 'rms'"),
        (replace(LLAMA, gated=False), "'llama', which needs gated True"),
        (replace(LLAMA, width=50), "heads that divide the width, got 6 and 50"),
    ],
)
def test_configs_without_a_place_there_are_stored_in_our_format_only(tmp_path, config, text):
    weights = random_weights(config)
    with pytest.raises(ValueError, match=text):
        save_hf(tmp_path / "model", config, weights)
    assert not (tmp_path / "model").exists()
    assert load_gpt(save_gpt(tmp_path / "ours", config, weights)).config == config


def test_weights_that_do_not_fit_are_not_saved(tmp_path):
    weights = random_weights(GPT2)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({**weights, "more": np.ones(2)}, ValueError, "no array of this config is called 'more'"),
        ({**weights, "tokens": np.ones((2, 2))}, ValueError, r"'tokens' must have shape \(37, 48"),
        ({**weights, "tokens": np.ones((37, 48), int)}, TypeError, "element type int64"),
        ({}, ValueError, r"lack 'tokens', of shape \(37, 48\)"),
    ]
    for save in (save_hf, save_gpt):
        for arrays, error, text in wrong:
            with pytest.raises(error, match=text):
                save(tmp_path / "model", GPT2, arrays)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("config", [GPT2, LLAMA, replace(LLAMA, tied=True, positions="learned")])
def test_our_own_files(tmp_path, config):
    weights = random_weights(config, optional=0.5)
    path = save_gpt(tmp_path / "gpt", config, weights, {"data": "shakespeare"})
    assert path == tmp_path / "gpt.safetensors"
    for name in ("gpt", "gpt.json", "gpt.safetensors"):
        loaded = load_gpt(tmp_path / name)
        assert loaded.config == config
        assert loaded.path == path
        assert loaded.given["notes"] == {"data": "shakespeare"}
        assert loaded.weights.keys() == weights.keys()
        for key, array in weights.items():
            np.testing.assert_array_equal(loaded.weights[key], array)


def test_our_own_files_keep_element_types(tmp_path):
    weights = {n: a.astype(np.float16) for n, a in random_weights(GPT2).items()}
    path = save_gpt(tmp_path / "half", GPT2, weights)
    assert set(load_safetensors(path).dtypes.values()) == {"float16"}
    assert {a.dtype for a in load_gpt(path).weights.values()} == {np.dtype(np.float32)}


def test_our_own_files_that_are_not_sound_are_refused(tmp_path):
    weights = random_weights(GPT2)
    path = tmp_path / "f.safetensors"
    good = {"format": "tinytorch-gpt", "version": 1, "config": asdict(GPT2)}
    cases: list[tuple[Any, str]] = [
        ({**good, "format": "other"}, "not one of tinytorch-gpt"),
        ([], "not one of tinytorch-gpt"),
        ({**good, "version": 2}, "config version 2, this is 1"),
        ({**good, "config": []}, r"config must be an object, got \[\]"),
        ({**good, "config": {}}, "missing 4 required"),
        ({**good, "config": {**good["config"], "more": 1}}, "unexpected keyword argument 'more'"),
        ({**good, "config": {**good["config"], "layers": "2"}}, "layers must be an integer"),
        ({**good, "config": {**good["config"], "layers": 3}}, r"'blocks\.2\.norm1\.gamma'"),
        ({**good, "config": {**good["config"], "layers": 1}}, "without a place"),
    ]
    for config, text in cases:
        save_safetensors(path, weights, {"tinytorch.gpt": json.dumps(config)})
        with pytest.raises(ValueError, match=rf"f\.safetensors.*{text}"):
            load_gpt(path)
    save_safetensors(path, weights, {"tinytorch.gpt": "{"})
    with pytest.raises(ValueError, match=r"the config in .*f\.safetensors is not sound JSON"):
        load_gpt(path)
    save_safetensors(path, weights)
    with pytest.raises(ValueError, match=r"has no config: f\.json is not beside it"):
        load_gpt(path)
    (tmp_path / "f.json").write_text(json.dumps(good))
    assert load_gpt(path).config == GPT2
    assert isinstance(load_gpt(path).config, GptConfig)
