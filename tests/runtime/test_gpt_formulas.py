"""GptSession's float32 logits against the formulas in float64, for configs that nobody picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, expected_logits, ids_of, random_weights
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.models.gpt import GptConfig
from tinytorch.models.gpt_names import from_gpt2_names
from tinytorch.runtime import GptSession


@st.composite
def configs(draw: Any) -> GptConfig:
    rotary = draw(st.booleans())
    kv_heads = draw(st.integers(1, 3))
    size = draw(st.integers(1, 20)) * (2 if rotary else 1)
    return GptConfig(
        vocabulary=draw(st.integers(1, 70)),
        width=draw(st.integers(1, 70)),
        layers=draw(st.integers(1, 3)),
        heads=kv_heads * draw(st.integers(1, 4)),
        kv_heads=kv_heads,
        head_size=size,
        hidden=draw(st.integers(1, 90)),
        max_length=draw(st.integers(1, 90)),
        norm=draw(st.sampled_from(["layer", "rms"])),
        positions="rotary" if rotary else "learned",
        rope_theta=draw(st.sampled_from([100.0, 10000.0, 5e5])),
        activation=draw(st.sampled_from(["gelu", "gelu_tanh", "gelu_sigmoid", "relu", "silu"])),
        gated=draw(st.booleans()),
        tied=draw(st.booleans()),
        eps=draw(st.sampled_from([1e-5, 1e-3])),
    )


@given(configs(), st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 1.0]), st.data())
def test_any_config_computes_the_formulas(
    config: GptConfig, seed: int, optional: float, data: Any
) -> None:
    weights = random_weights(config, seed, optional)
    ids = ids_of(config, data.draw(st.integers(1, config.max_length)), seed)
    session = GptSession(weights, config)
    got = session.append([session.sequence()], [ids], len(ids))
    exact = expected_logits(weights, config, ids)
    np.testing.assert_allclose(got, exact, atol=2e-5 * max(1.0, np.abs(exact).max()))


@pytest.mark.parametrize("config", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_logits_after_any_part_of_a_long_text(config: GptConfig) -> None:
    weights, ids = random_weights(config), ids_of(config, config.max_length)
    session = GptSession(weights, config)
    exact = expected_logits(weights, config, ids)
    for n in (1, 2, 17, len(ids)):
        got = session.append([session.sequence()], [ids[:n]])[0]
        np.testing.assert_allclose(got, exact[n - 1], atol=2e-5)


@pytest.mark.parametrize("max_length", [256, 700, 2**24])
def test_positions_of_a_long_rotary_text_stay_exact(max_length: int) -> None:
    config = GptConfig(
        11, 16, 1, 2, max_length=max_length, positions="rotary", rope_theta=50.0, norm="rms"
    )
    ids = ids_of(config, min(max_length, 700))
    weights = random_weights(config)
    session = GptSession(weights, config)
    got = session.append([session.sequence(len(ids))], [ids], len(ids))
    np.testing.assert_allclose(got, expected_logits(weights, config, ids), atol=3e-5)


def test_gpt2_names_are_brought_to_the_canonical_ones() -> None:
    weights = random_weights(GPT2)
    theirs = {"wte.weight": weights["tokens"], "wpe.weight": weights["positions"]}
    theirs |= {"ln_f.weight": weights["norm.gamma"], "ln_f.bias": weights["norm.beta"]}
    places = {"norm1": "ln_1", "norm2": "ln_2", "qkv": "attn.c_attn", "proj": "attn.c_proj"}
    places |= {"up": "mlp.c_fc", "down": "mlp.c_proj"}
    for i in range(GPT2.layers):
        for ours, their in places.items():
            kinds = ("gamma", "beta") if ours.startswith("norm") else ("weight", "bias")
            for kind, suffix in zip(kinds, ("weight", "bias"), strict=True):
                theirs[f"h.{i}.{their}.{suffix}"] = weights[f"blocks.{i}.{ours}.{kind}"].T
    brought, config = from_gpt2_names(theirs, heads=GPT2.heads)
    assert config == GPT2
    assert brought.keys() == weights.keys()
    for name, array in brought.items():
        np.testing.assert_array_equal(array, weights[name])
    with pytest.raises(ValueError, match=r"lack 'wpe.weight'"):
        from_gpt2_names({k: v for k, v in theirs.items() if k != "wpe.weight"}, heads=3)
    with pytest.raises(ValueError, match=r"no array called 'h.0.attn.bias'"):
        from_gpt2_names(theirs | {"h.0.attn.bias": np.ones((1, 1))}, heads=3)
    with pytest.raises(ValueError, match="2 dimensions"):
        from_gpt2_names(theirs | {"h.1.mlp.c_fc.weight": np.ones(4)}, heads=3)
