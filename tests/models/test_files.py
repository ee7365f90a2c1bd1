"""Model files: every form comes back bit for bit, and nothing wrong comes in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.models import MODELS, Origin, create, load_model, save_model
from tinytorch.nn import prune
from tinytorch.nn.quantized import convert, stored_bytes

KEY = "tinytorch.model"


def rows(network, count: int = 5) -> Tensor:  # type: ignore[no-untyped-def]
    shape = (count, *network.input_shape)
    return Tensor(np.random.default_rng(1).random(shape, np.float32))


def forms(name: str):  # type: ignore[no-untyped-def]
    np.random.seed(3)
    network = create(name)
    network.eval()
    yield network
    yield convert(network)
    small = prune.shrink(network, 0.5, example=rows(network, 1))
    yield small
    yield convert(small, [rows(network)])
    prune.magnitude_masks(network, 0.9).apply()
    for form in ("csr", "auto"):
        yield prune.to_sparse(network, format=form)
        yield prune.to_sparse(network, format=form, int8=True)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn", "cifar10_cnn"])
def test_every_form_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    for network in forms(name):
        network.eval()
        path = save_model(tmp_path / "m", network, name, Origin(["x"]))
        state = np.random.get_state()[1].copy()
        saved = load_model(path.with_suffix(".json"))
        assert np.array_equal(np.random.get_state()[1], state)
        x = rows(network)
        assert np.array_equal(saved.network.forward(x).data, network.forward(x).data)
        assert saved.network.sizes() == network.sizes()
        assert stored_bytes(saved.network) == stored_bytes(network)
        assert saved.network.count_parameters() == network.count_parameters()
        assert saved.techniques == ["x"]


@pytest.mark.parametrize("name", MODELS)
def test_the_registry_builds_what_its_data_needs(name: str) -> None:
    network = create(name)
    assert network.forward(rows(network, 2)).shape == (2, 10)
    assert network.count_parameters() == sum(p.size for p in network.parameters())


def saved_parts(tmp_path: Path) -> tuple[Path, dict, dict]:
    path = save_model(tmp_path / "m", create("digits_mlp"), "digits_mlp")
    tensors = dict(load_safetensors(path, copy=True))
    config = json.loads(path.with_suffix(".json").read_text())
    return path, tensors, config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "elephant"}, "elephant"),
        ({"sizes": {"hidden": [10**9]}}, "whole number"),
        ({"sizes": {"hidden": [16384, 16384]}}, "at most"),
        ({"sizes": {"hidden": [True]}}, "whole number"),
        ({"sizes": {"hidden": [4] * 40}}, "at most"),
        ({"sizes": {"hidden": [256, 64]}}, "fc2"),
        ({"sizes": {"input_shape": [1, 8]}}, "input_shape"),
        ({"sizes": {"dropout": 3}}, "robability"),
        ({"sizes": {"bogus": 1}}, "bogus"),
        ({"sizes": []}, "sizes"),
        ({"format": "other"}, "format|not one of"),
        ({"version": 9}, "version"),
        ({"techniques": "x"}, "techniques"),
    ],
)
def test_a_wrong_config_is_a_value_error(tmp_path: Path, change: dict, said: str) -> None:
    path, tensors, config = saved_parts(tmp_path)
    save_safetensors(path, tensors, {KEY: json.dumps({**config, **change})})
    with pytest.raises(ValueError, match=said):
        load_model(path)


def test_weights_that_do_not_fit_are_a_value_error(tmp_path: Path) -> None:
    path, tensors, config = saved_parts(tmp_path)
    text = {KEY: json.dumps(config)}
    cut = {name: array for name, array in tensors.items() if name != "fc2.bias"}
    for changed in (
        cut,
        {**tensors, "extra": np.zeros(1, np.float32)},
        {**tensors, "fc1.weight": tensors["fc1.weight"][:, :-1].copy()},
        {
            **tensors,
            "fc1.q_weight": np.zeros((3, 3), np.int8),
            "fc1.scales": np.zeros(2, np.float32),
        },
    ):
        save_safetensors(path, changed, text)
        with pytest.raises(ValueError, match="do not fit"):
            load_model(path)


def test_the_json_serves_where_the_weights_have_no_config(tmp_path: Path) -> None:
    path, tensors, _ = saved_parts(tmp_path)
    save_safetensors(path, tensors)
    assert load_model(path).name == "digits_mlp"
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="no config"):
        load_model(path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "nothing")
