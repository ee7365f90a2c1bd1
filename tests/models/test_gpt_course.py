"""The course's GPT and the session that runs it: the same logits, from position 0 on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, random_weights

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformer import GPT
from tinytorch.models.gpt_files import (
    config_and_weights_of,
    course_model,
    load_gpt,
    save_gpt,
    save_hf,
)
from tinytorch.perf.memoization import enable_kv_cache
from tinytorch.runtime import GptSession

TOKENS = np.random.default_rng(3).integers(0, 29, 20)


def course_gpt(seed: int = 0) -> GPT:
    """Weights so large that every part shows, biases that are not zero."""
    np.random.seed(seed)
    model = GPT(vocab_size=29, embed_dim=36, num_layers=3, num_heads=3, max_seq_len=24)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        noise = rng.standard_normal(parameter.shape) * 0.15
        parameter.data = (parameter.data * 2 + noise).astype(np.float32)
    return model


def course_logits(model: GPT, tokens: np.ndarray = TOKENS) -> np.ndarray:
    return model(Tensor(tokens[None].astype(np.float32))).data[0]


def session_logits(model: GPT) -> np.ndarray:
    config, weights = config_and_weights_of(model)
    session = GptSession(weights, config)
    return session.append([session.sequence()], [TOKENS], len(TOKENS))


def test_a_session_computes_what_the_course_model_does():
    model = course_gpt()
    expected = course_logits(model)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(session_logits(model), expected, rtol=0, atol=1e-4)


def test_token_by_token_both_caches_give_the_same_from_position_0_on():
    model = course_gpt()
    config, weights = config_and_weights_of(model)
    session = GptSession(weights, config)
    sequence = session.sequence()
    whole = course_logits(model)
    cache = enable_kv_cache(model)
    for position, token in enumerate(TOKENS):
        ours = session.append([sequence], [[token]])[0]
        theirs = course_logits(model, np.array([token]))[0]
        cache.advance()
        np.testing.assert_allclose(ours, whole[position], rtol=0, atol=1e-4)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_there_and_back(tmp_path):
    model = course_gpt()
    config, weights = config_and_weights_of(model)
    before = np.random.get_state()[1].copy()
    again = course_model(config, weights)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert len(again.parameters()) == len(model.parameters())
    for ours, theirs in zip(again.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(ours.data, theirs.data)
        assert ours.requires_grad
    np.testing.assert_array_equal(course_logits(again), course_logits(model))
    loaded = load_gpt(save_gpt(tmp_path / "course", config, weights))
    np.testing.assert_array_equal(
        course_logits(course_model(loaded.config, loaded.weights)), course_logits(model)
    )
    loaded = load_gpt(save_hf(tmp_path / "hf", config, weights))
    assert loaded.config == config


def test_weights_are_copies():
    model = course_gpt()
    _, weights = config_and_weights_of(model)
    kept = weights["tokens"].copy()
    model.token_embedding.weight.data[:] = 0
    np.testing.assert_array_equal(weights["tokens"], kept)


def test_a_tied_model_without_biases_becomes_one_with_zeros():
    config = replace(GPT2, activation="gelu_sigmoid", hidden=50, eps=1e-3)
    weights = random_weights(config, optional=0.3)
    model = course_model(config, weights)
    assert model.blocks[0].ln1.eps == 1e-3
    session = GptSession(weights, config)
    expected = session.append([session.sequence()], [TOKENS], len(TOKENS))
    np.testing.assert_allclose(course_logits(model), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(session_logits(model), expected, rtol=0, atol=1e-4)


def test_layers_without_bias_stay_without():
    model = course_gpt()
    model.blocks[0].mlp.linear1.bias = None
    model.blocks[1].attention.k_proj.bias = None
    _, weights = config_and_weights_of(model)
    assert "blocks.0.up.bias" not in weights
    assert not weights["blocks.1.qkv.bias"][36:72].any()
    np.testing.assert_allclose(session_logits(model), course_logits(model), rtol=0, atol=1e-4)


def test_other_models_are_refused():
    class Half(Linear):
        pass

    with pytest.raises(TypeError, match="must be a GPT of the course, got int"):
        config_and_weights_of(3)
    model = course_gpt()
    model.blocks[1].mlp.linear1 = Half(36, 144)
    with pytest.raises(TypeError, match="has Linear layers, got Half"):
        config_and_weights_of(model)
    model = course_gpt()
    model.blocks[1].mlp.gelu = ReLU()
    with pytest.raises(TypeError, match="activation is ReLU"):
        config_and_weights_of(model)
    model = course_gpt()
    model.blocks[1].ln2.eps = 1e-3
    with pytest.raises(ValueError, match="eps must be the same"):
        config_and_weights_of(model)
    model = course_gpt()
    model.blocks = []
    with pytest.raises(ValueError, match="num_heads must be the same in all blocks, and there"):
        config_and_weights_of(model)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (GPT2, "has activation 'gelu_sigmoid', the config has 'gelu_tanh'"),
        (LLAMA, "has norm 'layer'"),
        (replace(GPT2, activation="gelu_sigmoid", kv_heads=1), "has kv_heads 3"),
        (replace(GPT2, activation="gelu_sigmoid", head_size=8), "has head_size 16"),
    ],
)
def test_configs_that_no_course_model_has_are_refused(config, text):
    with pytest.raises(ValueError, match=text):
        course_model(config, random_weights(config))
