"""The trained networks inside the package: small, whole, and right about photographs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tinytorch.cli.app import app
from tinytorch.datasets import CIFAR10Sample, ShakespeareExcerpt
from tinytorch.models import load_model
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.models.language import open_language_model
from tinytorch.models.shipped import shipped, shipped_names
from tinytorch.recipes._classify import accuracy, scores
from tinytorch.workflow.text_score import score

# Bytes of the file; of one image's activations and the workspace; accuracy on the 200 photographs.
LIMITS = {"swiftcnn-int8": (210_000, 1_000_000, 0.85), "swiftcnn-tiny": (100_000, 256_000, 0.85)}
TEXT = "shakespeare-int8"


def test_they_are_there_and_others_are_refused() -> None:
    assert shipped_names() == sorted([*LIMITS, TEXT])
    with pytest.raises(ValueError, match="swiftcnn-int8"):
        shipped("resnet152")


@pytest.mark.parametrize("name", LIMITS)
def test_size_memory_and_answers(name: str) -> None:
    most_bytes, most_memory, least = LIMITS[name]
    assert shipped(name).stat().st_size <= most_bytes
    network = load_model(shipped(name)).network
    assert isinstance(network, Int8ConvNet)
    memory = network.session(batch=1).memory()
    assert memory["activations"] + memory["workspace"] <= most_memory
    images, labels = CIFAR10Sample().raw("test")
    assert accuracy(scores(network, images), labels) >= least


def test_weights_of_the_tiny_one_are_within_its_budget() -> None:
    network = load_model(shipped("swiftcnn-tiny")).network
    assert isinstance(network, Int8ConvNet)
    assert network.stored_bytes() <= 100_000


@pytest.mark.parametrize("name", LIMITS)
def test_evaluate_knows_them_by_name(name: str, tmp_path: Path) -> None:
    images, labels = CIFAR10Sample().raw("test")
    np.savez(tmp_path / "sample.npz", images=images, labels=labels)
    data = str(tmp_path / "sample.npz")
    done = CliRunner().invoke(app, ["evaluate", name, "--data", data, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    network = load_model(shipped(name)).network
    assert result["accuracy"] == accuracy(scores(network, images), labels)
    assert result["rows"] == 200
    assert len(result["recall"]) == 10
    assert result["images_per_s"] > 0


@pytest.mark.parametrize("name", LIMITS)
def test_the_config_tells_how_it_was_made_and_no_folder(name: str) -> None:
    config = load_model(shipped(name)).config
    assert config["data"] == "cifar10"
    assert "int8_quantization" in config["techniques"]
    assert config["training"]["test_accuracy"] > 0.8
    assert "/" not in json.dumps(config["training"])


def test_the_language_model_knows_shakespeare() -> None:
    assert shipped(TEXT).stat().st_size <= 2_000_000
    model = open_language_model(TEXT)
    assert model.precision == "int8"
    told = model.notes["training"]
    assert told["validation_nats_per_character"] < 1.5
    assert "/" not in json.dumps(model.notes)
    # Of the part that it was trained on: the excerpt is the text's beginning.
    ids = model.need_tokenizer().encode(ShakespeareExcerpt().text[:20000])
    assert score(model.session(), ids).nats < 1.4
    backwards = score(model.session(), ids[::-1].copy()).nats
    assert backwards > 2.0


def test_it_writes_words_that_it_has_read() -> None:
    written = (
        open_language_model(TEXT)
        .generator()
        .generate("ROMEO:\n", temperature=0.5, seed=0, max_new_tokens=240)
    )
    known = set(re.findall(r"[a-z]+", ShakespeareExcerpt().text.lower()))
    words = re.findall(r"[a-z]+", written.text.lower())[:-1]
    assert len(words) > 25
    assert np.mean([word in known for word in words]) > 0.75
