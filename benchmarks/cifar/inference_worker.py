"""One contender of cifar_inference.py: {} is answered with the median seconds of a call.

    inference_worker.py WHO MODEL BATCH THREADS

The peers get the same network as ONNX, without its normalization, which ours is given done too. A
float32 model is made int8 for them by ONNX Runtime's static quantizer (per channel, activations
calibrated on the shipped photographs); OpenVINO reads the same file.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contender import serve
from tinytorch import _core
from tinytorch.datasets import CIFAR10Sample
from tinytorch.models import load_model
from tinytorch.models.convnet import normalized_bytes
from tinytorch.models.onnx_export import export_onnx
from tinytorch.models.shipped import shipped, shipped_names

TURN_SECONDS = 0.3


def photographs(network: Any, count: int) -> np.ndarray:
    pixels = CIFAR10Sample().raw("test")[0]
    return np.ascontiguousarray(normalized_bytes(network, np.resize(pixels, (count, 3, 32, 32))))


def ours(network: Any, images: np.ndarray, threads: int) -> Callable[[], Any]:
    _core.set_num_threads(threads)
    session = network.session(batch=len(images))
    return lambda: session(images)


def onnx_bytes(network: Any, batch: int, *, int8: bool) -> bytes:
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        model = onnx.load(export_onnx(network, plain))
        _without_normalization(model.graph, batch)
        onnx.save(model, plain)
        if not int8:
            return plain.read_bytes()
        return _quantized(plain, photographs(network, 200), batch)


def _without_normalization(graph: Any, batch: int) -> None:
    """The first two operators centre and scale."""
    last = graph.node[1].output[0]
    del graph.node[:2]
    for constant in [c for c in graph.initializer if c.name in ("mean", "std")]:
        graph.initializer.remove(constant)
    for node in graph.node:
        node.input[:] = ["images" if name == last else name for name in node.input]
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_value = batch


def _quantized(plain: Path, images: np.ndarray, batch: int) -> bytes:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Photographs(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            wide = np.resize(images, (max(batch, len(images) // batch * batch), 3, 32, 32))
            self.left: Iterator[Any] = iter(wide.reshape(-1, batch, 3, 32, 32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.left, None)
            return None if part is None else {"images": part}

    logging.disable(logging.WARNING)
    ready, made = plain.with_name("ready.onnx"), plain.with_name("int8.onnx")
    quant_pre_process(plain, ready)
    quantize_static(
        ready, made, Photographs(), quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True,
    )  # fmt: skip
    return made.read_bytes()


def onnx_runtime(model: bytes, images: np.ndarray, threads: int) -> Callable[[], Any]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": images})


def open_vino(model: bytes, images: np.ndarray, threads: int) -> Callable[[], Any]:
    import openvino as ov

    settings = {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }  # fmt: skip
    core = ov.Core()
    request = core.compile_model(core.read_model(model, b""), "CPU", settings)
    call = request.create_infer_request()
    call.set_tensor("images", ov.Tensor(images))

    def run() -> Any:
        call.infer()
        return call.get_output_tensor(0).data

    return run


def contender(who: str, path: str, batch: int, threads: int) -> Callable[[], Any]:
    network = load_model(shipped(path) if path in shipped_names() else path).network
    images = photographs(network, batch)
    if who == "tinytorch":
        return ours(network, images, threads)
    peer, _, precision = who.partition("-")
    model = onnx_bytes(network, batch, int8=precision == "int8")
    return (onnx_runtime if peer == "ort" else open_vino)(model, images, threads)


def prepare() -> tuple[str, Callable[[dict[str, Any]], float]]:
    who, path, batch, threads = *sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4])
    call = contender(who, path, batch, threads)
    for _ in range(20):
        call()

    def reply(_: dict[str, Any]) -> float:
        times, end = [], time.perf_counter() + TURN_SECONDS
        while time.perf_counter() < end:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    return "ready", reply


if __name__ == "__main__":
    serve(prepare)
