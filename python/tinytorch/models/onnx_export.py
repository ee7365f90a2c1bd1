"""Networks of nodes as ONNX files, for other engines; needs the package `onnx`.

The graph takes "images" (N, channels, height, width) with values from 0 to 1 and gives "scores"
(N, classes); normalization is part of it. int8 networks are exported with their weights as floats.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from .convnet import ConvNet
from .int8_convnet import Int8ConvNet
from .nodes import Node

OPSET = 17


def export_onnx(network: ConvNet | Int8ConvNet, path: str | os.PathLike[str]) -> Path:
    """Write `network` in evaluation mode as an ONNX file; its path.

    ImportError, saying what to install, where the package `onnx` is missing.
    """
    try:
        import onnx
    except ImportError:
        raise ImportError("exporting needs the package onnx: python -m pip install onnx") from None
    model = _Graph(network).model(onnx)
    onnx.checker.check_model(model)
    target = Path(path)
    _core.io.write_file_atomic(os.fsencode(target), model.SerializeToString())
    return target


class _Graph:
    def __init__(self, network: ConvNet | Int8ConvNet) -> None:
        self.network = network
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.constants: dict[str, np.ndarray] = {}

    def model(self, onnx: Any) -> Any:
        network = self.network
        shift = self._constant("mean", network.mean.reshape(1, -1, 1, 1))
        spread = self._constant("std", network.std.reshape(1, -1, 1, 1))
        centred = self._add("Sub", ["images", shift])
        last = self._run(network.nodes, self._add("Div", [centred, spread]))
        self.nodes.append(("Identity", [last], "scores", {}))
        helper, floats = onnx.helper, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node(op, inputs, [out], **more) for op, inputs, out, more in self.nodes],
            "tinytorch",
            [helper.make_tensor_value_info("images", floats, ["N", *network.input_shape])],
            [helper.make_tensor_value_info("scores", floats, ["N", network.classes])],
            [onnx.numpy_helper.from_array(a, name) for name, a in self.constants.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, producer_name="tinytorch", ir_version=8
        )

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = np.ascontiguousarray(value, np.float32)
        return name

    def _add(self, op: str, inputs: list[str], **attributes: Any) -> str:
        out = f"v{len(self.nodes)}"
        self.nodes.append((op, inputs, out, attributes))
        return out

    def _run(self, nodes: list[Node], x: str) -> str:
        kept: list[str] = []
        for kind, *rest in nodes:
            if kind in ("conv", "whiten"):
                x = self._conv(kind, rest, x)
            elif kind == "bn":
                x = self._norm(rest[0], x)
            elif kind == "linear":
                x = self._linear(rest[0], x)
            elif kind == "relu":
                x = self._add("Relu", [x])
            elif kind == "maxpool":
                x = self._add("MaxPool", [x], kernel_shape=[rest[0]] * 2, strides=[rest[0]] * 2)
            elif kind == "gap":
                x = self._add("Flatten", [self._add("GlobalAveragePool", [x])])
            elif kind == "flatten":
                x = self._add("Flatten", [x])
            elif kind == "push":
                kept.append(x)
            elif kind == "proj":
                kept[-1] = self._run(rest[0], kept[-1])
            elif kind == "add":
                x = self._add("Add", [x, kept.pop()])
        return x

    def _conv(self, kind: str, rest: list[Any], x: str) -> str:
        layer = getattr(self.network, rest[0])
        given = [int(size) for size in rest[4:]]
        stride, padding, groups = given + [1, 0, 1][len(given) :]
        inputs = [x, self._constant(f"{rest[0]}.weight", _values(layer.weight))]
        if layer.bias is not None:
            inputs.append(self._constant(f"{rest[0]}.bias", _values(layer.bias)))
        pads, strides = [padding] * 4, [stride] * 2
        return self._add("Conv", inputs, pads=pads, strides=strides, group=groups)

    def _norm(self, name: str, x: str) -> str:
        layer = getattr(self.network, name)
        parts = {
            "gamma": layer.gamma.data, "beta": layer.beta.data,
            "mean": layer.running_mean, "var": layer.running_var,
        }  # fmt: skip
        inputs = [x, *(self._constant(f"{name}.{k}", v) for k, v in parts.items())]
        return self._add("BatchNormalization", inputs, epsilon=float(layer.eps))

    def _linear(self, name: str, x: str) -> str:
        layer = getattr(self.network, name)
        weight = _values(layer.weight)
        stored_as_out_in = isinstance(self.network, Int8ConvNet)
        inputs = [
            self._add("Flatten", [x]),
            self._constant(f"{name}.weight", weight),
            self._constant(f"{name}.bias", _values(layer.bias)),
        ]
        return self._add("Gemm", inputs, transB=int(stored_as_out_in))


def _values(x: Any) -> np.ndarray:
    return np.asarray(getattr(x, "data", x) if not isinstance(x, np.ndarray) else x)
