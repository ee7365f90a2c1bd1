"""GptConfig: what follows from what, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import numpy as np
import pytest

from tinytorch.models.gpt import GptConfig, RopeScaling

SIZES: dict[str, Any] = {"vocabulary": 10, "width": 12, "layers": 2, "heads": 3}


def test_sizes_that_are_not_given_follow_from_others() -> None:
    config = GptConfig(10, 12, 2, 3)
    assert (config.kv_heads, config.head_size, config.hidden) == (3, 4, 48)
    assert GptConfig(**SIZES, kv_heads=1, head_size=6, hidden=5).shapes()[
        "blocks.1.qkv.weight"
    ] == (30, 12)
    assert GptConfig(**SIZES | {"width": np.int32(12)}) == config
    fields = asdict(GptConfig(**SIZES | {"width": np.int32(12), "eps": np.float32(0.5)}))
    assert GptConfig(**json.loads(json.dumps(fields))) == replace(config, eps=0.5)
    with pytest.raises(FrozenInstanceError):
        config.width = 3  # type: ignore[misc]


def test_shapes_name_what_a_model_has() -> None:
    plain = GptConfig(**SIZES)
    assert list(plain.shapes())[:4] == [
        "tokens",
        "positions",
        "blocks.0.norm1.gamma",
        "blocks.0.norm1.beta",
    ]
    assert "head.weight" not in plain.shapes()
    assert not [n for n in plain.required() if n.endswith(("beta", "bias"))]
    llama = GptConfig(**SIZES, norm="rms", positions="rotary", gated=True, tied=False)
    missing = plain.shapes().keys() - llama.shapes().keys()
    assert missing == {n for n in plain.shapes() if n.endswith("beta")} | {"positions"}
    added = llama.shapes().keys() - plain.shapes().keys()
    gates = {f"blocks.{i}.gate.{kind}" for i in range(2) for kind in ("weight", "bias")}
    assert added == gates | {"head.weight"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("vocabulary", 0, "vocabulary must be 1 to"),
        ("vocabulary", 2**40, "vocabulary must be 1 to"),
        ("width", -4, "width must be 1 to"),
        ("layers", 2**31, "layers must be 1 to"),
        ("heads", 5, "5 heads do not divide the width 12"),
        ("kv_heads", 2, "2 kv_heads do not divide the 3 heads"),
        ("kv_heads", -3, "kv_heads must be"),
        ("head_size", 2**20, "head_size must be"),
        ("hidden", -1, "hidden must be"),
        ("max_length", 0, "max_length must be"),
        ("max_length", 2**62, "max_length must be"),
        ("norm", "batch", "unknown norm 'batch'; use layer or rms"),
        ("positions", "none", "unknown positions 'none'; use learned or rotary"),
        ("activation", "swish", "gelu, gelu_tanh, gelu_sigmoid, relu or silu"),
        ("rope_theta", 0.0, "rope_theta must be a positive number"),
        ("rope_theta", math.inf, "rope_theta must be a positive number"),
        ("eps", math.nan, "eps must be above 0"),
        ("eps", -1e-5, "eps must be above 0"),
    ],
)
def test_values_that_make_no_model_are_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GptConfig(**SIZES | {field: value})


def test_frequencies_of_rotary_positions() -> None:
    """Llama 3.1's scaling by its definition: wavelengths beside those of the first training."""
    plain = 50.0 ** (-np.arange(6) / 6)
    rotary = GptConfig(10, 12, 1, 1, positions="rotary", rope_theta=50.0)
    np.testing.assert_allclose(rotary.rotary_frequencies(), plain, rtol=1e-15)
    linear = replace(rotary, rope_scaling={"kind": "linear", "factor": 4})
    np.testing.assert_allclose(linear.rotary_frequencies(), plain / 4, rtol=1e-15)
    scaled = replace(rotary, rope_scaling=RopeScaling("llama3", 8.0, low=1.0, high=4.0, length=60))
    wavelengths = 2 * math.pi / plain
    smooth = (60 / wavelengths - 1.0) / (4.0 - 1.0)
    expected = np.where(
        wavelengths < 60 / 4.0, plain,
        np.where(wavelengths > 60, plain / 8, (1 - smooth) * plain / 8 + smooth * plain),
    )  # fmt: skip
    np.testing.assert_allclose(scaled.rotary_frequencies(), expected, rtol=1e-14)
    assert (expected == plain).any()
    assert (expected == plain / 8).any()
    assert GptConfig(**json.loads(json.dumps(asdict(scaled)))) == scaled


@pytest.mark.parametrize(
    ("scaling", "kind", "message"),
    [
        ("llama3", TypeError, "rope_scaling must be a RopeScaling or None, got 'llama3'"),
        ({"kind": "yarn", "factor": 2}, ValueError, "use none, linear or llama3"),
        ({"kind": "linear", "factor": "2"}, TypeError, "rope_scaling.factor must be a number"),
        ({"kind": "linear", "factor": math.nan}, ValueError, "factor must be a number from 1"),
        ({"kind": "linear"}, TypeError, "factor"),
        ({"kind": "llama3", "factor": 2, "high": 1.0}, ValueError, "must be 0 < low < high"),
        ({"kind": "llama3", "factor": 2, "length": 0}, ValueError, "rope_scaling.length must be"),
        ({"kind": "linear", "factor": 2, "speed": 1}, TypeError, "speed"),
    ],
)
def test_scalings_that_are_none_are_refused(
    scaling: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        GptConfig(**SIZES, rope_scaling=scaling)


def test_rotary_positions_need_pairs() -> None:
    with pytest.raises(ValueError, match="head_size must be even, got 3"):
        GptConfig(10, 12, 2, 4, positions="rotary")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", "12"),
        ("layers", 2.5),
        ("layers", True),
        ("heads", 2**70),
        ("gated", 1),
        ("tied", "no"),
        ("eps", "small"),
        ("norm", 3),
        ("norm", None),
        ("max_length", None),
    ],
)
def test_fields_of_another_type_are_refused(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"GPT config: {field} must be"):
        GptConfig(**SIZES | {field: value})
