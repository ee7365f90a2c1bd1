"""ONNX files: ONNX Runtime computes the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.models import create
from tinytorch.models.cifar import NETWORKS
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.models.onnx_export import export_onnx

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

STATISTICS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]}


def by_onnx_runtime(path: Path, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores: np.ndarray = session.run(["scores"], {"images": x})[0]
    return scores


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_agrees(name: str, tmp_path: Path) -> None:
    np.random.seed(0)
    network = create(name, **STATISTICS)
    network.eval()
    x = np.random.default_rng(0).random((3, 3, 32, 32), np.float32)
    want = network.forward(Tensor(x)).data
    got = by_onnx_runtime(export_onnx(network, tmp_path / "m.onnx"), x)
    assert np.abs(got - want).max() < 1e-4 * max(1.0, np.abs(want).max())


def test_int8_networks_are_exported_with_their_rounded_weights(tmp_path: Path) -> None:
    np.random.seed(0)
    network = create("swiftcnn-tiny", **STATISTICS)
    pictures = np.random.default_rng(0).integers(0, 256, (32, 3, 32, 32), dtype=np.uint8)
    network.train()
    for _ in range(20):
        network.forward(Tensor(pictures / np.float32(255)))
    network.eval()
    small = Int8ConvNet.of(network, pictures)
    x = pictures / np.float32(255)
    got = by_onnx_runtime(export_onnx(small, tmp_path / "m.onnx"), x)
    want = small.forward(Tensor(x)).data
    spread = np.abs(want - want.mean(axis=0)).mean()
    assert np.abs(got - want).mean() < 0.1 * spread
