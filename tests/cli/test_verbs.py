"""From a trained model to a submission, verb by verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinytorch.datasets import TinyDigits
from tinytorch.models import load_model


def test_evaluate_agrees_with_the_model(tinytorch: Callable, trained: Path) -> None:
    done = tinytorch("evaluate", trained, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    images, labels = TinyDigits().get_test_data()
    scores = load_model(trained).network.forward(_tensor(images[:, None])).data
    assert found["rows"] == len(labels) == 364
    assert found["accuracy"] == pytest.approx(np.mean(scores.argmax(1) == labels))
    assert np.sum(found["confusion"]) == 364
    assert np.trace(found["confusion"]) == round(found["accuracy"] * 364)


def test_a_training_folder_stands_for_its_model(
    tinytorch: Callable, trained: Path, tmp_path: Path
) -> None:
    done = tinytorch("evaluate", trained.parent, "--json")
    assert json.loads(done.out)["model"] == str(trained)
    (tmp_path / "empty").mkdir()
    refused = tinytorch("evaluate", "empty")
    assert refused.code == 1
    assert "no model in this folder" in refused.err


def test_evaluate_on_a_file(tinytorch: Callable, trained: Path, tmp_path: Path) -> None:
    images, labels = TinyDigits().raw("test")
    pixels = (images.astype(np.float32) / 16)[:50]
    np.savez(tmp_path / "some.npz", images=pixels, labels=labels[:50].astype(np.int64))
    done = tinytorch("evaluate", trained, "--data", "some.npz", "--json")
    assert json.loads(done.out)["rows"] == 50
    np.savez(tmp_path / "wrong.npz", images=pixels[:, :4], labels=labels[:50].astype(np.int64))
    assert tinytorch("evaluate", trained, "--data", "wrong.npz").code == 1
    np.savez(tmp_path / "evil.npz", images=np.array([{}], object), labels=labels[:1])
    assert tinytorch("evaluate", trained, "--data", "evil.npz").code == 1


def test_profile_adds_up(tinytorch: Callable, trained: Path) -> None:
    found = json.loads(tinytorch("profile", trained, "--json").out)
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["fc1"]["flops"] == 2 * 64 * 256
    assert layers["fc1"]["parameters"] == 64 * 256 + 256
    assert found["stored_bytes"] == 4 * sum(layer["parameters"] for layer in found["layers"])
    assert found["time_ms"] == pytest.approx(sum(layer["time_ms"] for layer in found["layers"]))
    assert all(layer["time_ms"] > 0 for layer in found["layers"])
    shown = tinytorch("profile", "digits_cnn")
    assert "conv2" in shown.out
    assert "590" in shown.out  # 2 x 64 positions x 9 x 16 x 32 = 589,824


def test_quantize_prune_bench_submit_validate_report(
    tinytorch: Callable, trained: Path, tmp_path: Path
) -> None:
    small, sparse = tmp_path / "small", tmp_path / "sparse"
    assert tinytorch("prune", trained, "--units", "0.5", "--epochs", "2", "--out", small).code == 0
    assert (
        tinytorch("prune", trained, "--sparsity", "0.9", "--epochs", "2", "--out", sparse).code == 0
    )
    assert tinytorch("quantize", small, "--out", tmp_path / "both").code == 0
    both = load_model(tmp_path / "both")
    assert both.techniques == ["structured_pruning", "fine_tuning", "int8_quantization"]
    assert both.network.sizes()["hidden"] == [128, 64]
    assert tinytorch("quantize", tmp_path / "both").code == 1

    done = tinytorch(
        "bench", trained, small, sparse, "both", "--runs", "5", "--json", "--out", "b.json"
    )
    models = json.loads(done.out)["models"]
    assert json.loads((tmp_path / "b.json").read_text()) == json.loads(done.out)
    sizes = [model["metrics"]["model_size_bytes"] for model in models]
    assert sizes[0] == 4 * 50_826
    assert sizes[1] == 4 * (64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10)
    assert sizes[3] < sizes[1] / 3
    assert sizes[2] < sizes[0] / 4

    assert tinytorch("submit", trained, "both", "--name", "Ada", "--runs", "5").code == 0
    submission = json.loads((tmp_path / "submission.json").read_text())
    assert submission["student_name"] == "Ada"
    assert submission["optimized"]["techniques_applied"] == both.techniques
    assert submission["improvements"]["compression_ratio"] == pytest.approx(sizes[0] / sizes[3])
    assert tinytorch("validate", "submission.json").code == 0
    assert tinytorch("report", "submission.json", "--out", "page.html").code == 0
    assert "Submission of Ada" in (tmp_path / "page.html").read_text("utf-8")


def test_validate_says_a_line_for_each_file(
    tinytorch: Callable, demo: tuple, tmp_path: Path
) -> None:
    good = demo[0] / "submission.json"
    document = json.loads(good.read_text())
    document["baseline"]["metrics"]["accuracy"] = 1.5
    (tmp_path / "[bad].json").write_text(json.dumps(document))
    (tmp_path / "text.json").write_text("{")
    done = tinytorch("validate", good, "[bad].json", "text.json", "missing.json")
    assert done.code == 1
    lines = done.out.splitlines()
    assert len(lines) == 4
    assert lines[0] == f"valid {good}"
    assert lines[1].startswith("invalid [bad].json: ")
    assert "$.baseline.metrics.accuracy" in lines[1]
    assert all(line.startswith("invalid ") for line in lines[1:])
    assert tinytorch("validate", good).code == 0


def _tensor(images: np.ndarray):  # type: ignore[no-untyped-def]
    from tinytorch import Tensor

    return Tensor(images)
