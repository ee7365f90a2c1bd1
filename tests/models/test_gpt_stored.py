"""Our own files of language models in fewer bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.models.gpt import GptConfig
from tinytorch.models.gpt_files import load_gpt, save_gpt
from tinytorch.models.gpt_files.stored import stored_form
from tinytorch.models.gpt_net import GptNet
from tinytorch.runtime import GptSession

CONFIG = GptConfig(
    vocabulary=11, width=24, layers=2, heads=3, max_length=16, norm="rms", positions="rotary",
    tied=False,
)  # fmt: skip
TOKENS = np.arange(10) % 11


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    np.random.seed(seed)
    return {name: w * 8 for name, w in GptNet(CONFIG).weights().items()}


def logits(given: dict[str, np.ndarray], precision: str) -> np.ndarray:
    session = GptSession(given, CONFIG, precision=precision, cache="f32")
    return session.append([session.sequence(10)], [TOKENS], wanted=10)


def test_an_int8_file_gives_the_int8_session_of_the_floats(tmp_path: Path) -> None:
    whole = weights()
    save_gpt(tmp_path / "m", CONFIG, whole, {"told": 1}, precision="int8")
    loaded = load_gpt(tmp_path / "m")
    assert loaded.given["precision"] == "int8"
    assert loaded.given["notes"] == {"told": 1}
    # Tables are stored in int8 too, and the session keeps an untied one as floats.
    np.testing.assert_allclose(
        logits(loaded.weights, "int8"), logits(whole, "int8"), rtol=0.05, atol=0.05
    )
    again = stored_form(loaded.weights, "int8")
    first = stored_form(whole, "int8")
    for name, array in first.items():
        if array.dtype == np.int8:
            np.testing.assert_array_equal(again[name], array)
    assert (tmp_path / "m.safetensors").stat().st_size < 0.4 * sum(w.nbytes for w in whole.values())


def test_an_f16_file_rounds_to_eleven_bits(tmp_path: Path) -> None:
    whole = weights()
    save_gpt(tmp_path / "m", CONFIG, whole, precision="f16")
    for name, array in load_gpt(tmp_path / "m").weights.items():
        np.testing.assert_allclose(array, whole[name], rtol=2**-11, atol=1e-7)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(-120, 100), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_codes_are_within_half_a_step(rows: int, columns: int, power: int, seed: int) -> None:
    array = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    array *= np.float32(2.0**power)
    stored = stored_form({"a": array}, "int8")
    step = stored["a.scale"][:, None]
    error = np.abs(stored["a"] * step - array)
    assert np.all(error <= np.maximum(step * 0.5001, 2.0**-100))


def test_refuses_what_has_no_such_form(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision"):
        save_gpt(tmp_path / "m", CONFIG, weights(), precision="int3")
    for precision, value in (("int8", np.inf), ("f16", 1e6)):
        wrong = weights()
        wrong["tokens"][0, 0] = value
        with pytest.raises(ValueError, match="tokens"):
            save_gpt(tmp_path / "m", CONFIG, wrong, precision=precision)
    assert not list(tmp_path.iterdir())


def test_damaged_scales_are_refused(tmp_path: Path) -> None:
    save_gpt(tmp_path / "m", CONFIG, weights(), precision="int8")
    file = tmp_path / "m.safetensors"
    tensors = load_safetensors(file, copy=True)
    for wrong in (
        np.zeros(11, np.float32),
        np.full(11, np.nan, np.float32),
        np.ones(3, np.float32),
    ):
        save_safetensors(file, {**tensors, "tokens.scale": wrong}, tensors.metadata)
        with pytest.raises(ValueError, match=r"tokens\.scale"):
            load_gpt(file)
    save_safetensors(
        file, {**tensors, "norm.gamma.scale": np.ones(24, np.float32)}, tensors.metadata
    )
    with pytest.raises(ValueError, match=r"norm\.gamma"):
        load_gpt(file)
