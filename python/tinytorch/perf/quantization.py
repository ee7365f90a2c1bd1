"""Quantization to int8 under the course's names.

Per-tensor affine int8, x ~ (q - zero_point) * scale:

    scale = (max - min) / 255
    zero_point = clip(round(-128 - min / scale), -128, 127)
    q = clip(round(x / scale + zero_point), -128, 127)

The range is first widened to include 0, so that 0 is exact and a range far from 0 keeps its
resolution. A constant tensor gives zeros, scale 1.0 and zero point 0.

Layers that store and compute in int8 are in `tinytorch.nn.quantized`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import _core
from ..core.activations import ReLU
from ..core.layers import Linear
from ..core.tensor import Tensor
from ._weights import parameters_of

_quant = _core.quant

INT8_MIN_VALUE = -128
INT8_MAX_VALUE = 127
INT8_RANGE = 256
EPSILON = 1e-8
BYTES_PER_FLOAT32 = 4
BYTES_PER_INT8 = 1
MB_TO_BYTES = 1024 * 1024


def _data(value: Any) -> np.ndarray:
    return np.asarray(value.data if isinstance(value, Tensor) else value, dtype=np.float32)


class Quantizer:
    @staticmethod
    def quantize_tensor(tensor: Any) -> tuple[Tensor, float, int]:
        """(q, scale, zero_point); q holds int8 values as float32. ValueError on NaN or infinity."""
        data = _data(tensor)
        if data.size == 0:
            return Tensor(data), 1.0, 0
        low, high = _quant.value_range(data)
        if low == high:
            return Tensor(np.zeros_like(data)), 1.0, 0
        scale, zero_point = _quant.choose_affine(low, high)
        return Tensor(_quant.quantize_affine(data, scale, zero_point)), scale, zero_point

    @staticmethod
    def dequantize_tensor(q_tensor: Any, scale: float, zero_point: int) -> Tensor:
        """(q - zero_point) * scale as float32."""
        return Tensor((_data(q_tensor) - np.float32(zero_point)) * np.float32(scale))

    @staticmethod
    def quantize_model(model: Any, calibration_data: Any = None) -> dict[str, Any]:
        """Every parameter quantized, as a summary; the model stays as it is.

        quantized_layers: "param_0", "param_1"... -> {quantized, scale, zero_point,
        original_shape}; original_size_mb at 4 and quantized_size_mb at 1 byte per element;
        compression_ratio.
        """
        layers: dict[str, dict[str, Any]] = {}
        elements = 0
        for index, parameter in enumerate(parameters_of(model)):
            quantized, scale, zero_point = Quantizer.quantize_tensor(parameter)
            layers[f"param_{index}"] = {
                "quantized": quantized,
                "scale": scale,
                "zero_point": zero_point,
                "original_shape": tuple(parameter.shape),
            }
            elements += int(quantized.size)
        return {
            "quantized_layers": layers,
            "original_size_mb": elements * BYTES_PER_FLOAT32 / MB_TO_BYTES,
            "quantized_size_mb": elements * BYTES_PER_INT8 / MB_TO_BYTES,
            "compression_ratio": BYTES_PER_FLOAT32 / BYTES_PER_INT8 if elements else 1.0,
        }

    @staticmethod
    def compare_models(original_model: Any, quantized_info: dict[str, Any]) -> dict[str, float]:
        """Sizes in MB of a model and of `quantize_model`'s summary of it."""
        elements = sum(int(p.size) for p in parameters_of(original_model))
        original = elements * BYTES_PER_FLOAT32 / MB_TO_BYTES
        quantized = float(quantized_info["quantized_size_mb"])
        return {
            "original_mb": original,
            "quantized_mb": quantized,
            "compression_ratio": original / quantized if quantized else 1.0,
            "memory_saved_mb": original - quantized,
        }


def quantize_int8(tensor: Any) -> tuple[Tensor, float, int]:
    """(q, scale, zero_point); q holds int8 values as float32."""
    return Quantizer.quantize_tensor(tensor)


def dequantize_int8(q_tensor: Any, scale: float, zero_point: int) -> Tensor:
    """(q - zero_point) * scale as float32."""
    return Quantizer.dequantize_tensor(q_tensor, scale, zero_point)


def quantize_model(model: Any, calibration_data: Any = None, *, bits: int | None = None) -> Any:
    """A summary of the quantized parameters, or, with `bits=8`, a copy of the model that stores and
    computes in int8 (`tinytorch.nn.quantized.convert`), calibrated by the batches, if given."""
    if bits is None:
        return Quantizer.quantize_model(model, calibration_data)
    if bits != 8:
        raise ValueError(f"bits must be 8, got {bits}")
    from ..nn.quantized import convert

    return convert(model, calibration_data)


class QuantizedLinear:
    """A Linear whose weight and bias are held as affine int8, computed by the engine's int8 path.

    `q_weight` (in, out) and `q_bias` hold int8 values as float32. The result is not tracked. Until
    `calibrate`, activations are quantized by the largest magnitude of each row.
    """

    def __init__(self, linear_layer: Any) -> None:
        self.original_layer = linear_layer
        self.q_weight, self.weight_scale, self.weight_zero_point = quantize_int8(
            linear_layer.weight
        )
        self.q_bias: Tensor | None = None
        self.bias_scale: float | None = None
        self.bias_zero_point: int | None = None
        if linear_layer.bias is not None:
            self.q_bias, self.bias_scale, self.bias_zero_point = quantize_int8(linear_layer.bias)
        self.input_scale: float | None = None
        self.input_zero_point: int | None = None

    def calibrate(self, sample_inputs: Iterable[Any]) -> None:
        """Fix the scale and zero point of the input by the smallest and largest sample value."""
        ranges = [_quant.value_range(_data(x)) for x in sample_inputs if _data(x).size]
        if not ranges:
            raise ValueError("calibrate needs at least one sample input with values")
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
        self.input_scale, self.input_zero_point = _quant.choose_affine(low, high)

    def forward(self, x: Any) -> Tensor:
        """x (..., in_features) -> (..., out_features)."""
        y: Tensor = self._engine().forward(x if isinstance(x, Tensor) else Tensor(x))
        return y

    def __call__(self, x: Any) -> Tensor:
        return self.forward(x)

    def parameters(self) -> list[Tensor]:
        return [self.q_weight] if self.q_bias is None else [self.q_weight, self.q_bias]

    def memory_usage(self) -> dict[str, float]:
        """Bytes at 4 per element, and at 1 per element with scale and zero point of the weight."""
        elements = sum(int(p.size) for p in self.parameters())
        original = elements * BYTES_PER_FLOAT32
        quantized = elements * BYTES_PER_INT8 + 8
        return {
            "original_bytes": original,
            "quantized_bytes": quantized,
            "compression_ratio": original / quantized,
        }

    def stored_bytes(self) -> int:
        """Bytes of the int8 values and of one scale and zero point for each tensor."""
        return sum(int(p.size) * BYTES_PER_INT8 + 8 for p in self.parameters())

    def count_parameters(self) -> int:
        return sum(int(p.size) for p in self.parameters())

    def _engine(self) -> Any:
        """The native layer of the fields as they are now: made anew when one is replaced."""
        fields = (
            self.q_weight, self.weight_scale, self.weight_zero_point, self.q_bias,
            self.bias_scale, self.bias_zero_point, self.input_scale, self.input_zero_point,
        )  # fmt: skip
        made = self.__dict__.get("_made")
        if made is not None and all(a is b for a, b in zip(made[0], fields, strict=True)):
            return made[1]
        weight = dequantize_int8(self.q_weight, self.weight_scale, self.weight_zero_point).data
        bias = None
        if self.q_bias is not None:
            assert self.bias_scale is not None
            assert self.bias_zero_point is not None
            bias = dequantize_int8(self.q_bias, self.bias_scale, self.bias_zero_point).data
        native = _quant.LinearInt8.from_float(weight.T, bias, self._symmetric_input_scale())
        self._made = (fields, native)
        return native

    def _symmetric_input_scale(self) -> float:
        """The engine's codes are symmetric: the larger end of the calibrated range decides."""
        if self.input_scale is None or self.input_zero_point is None:
            return 0.0
        ends = (INT8_MIN_VALUE - self.input_zero_point, INT8_MAX_VALUE - self.input_zero_point)
        return max(abs(end) for end in ends) * self.input_scale / INT8_MAX_VALUE

    def __repr__(self) -> str:
        inputs, outputs = self.q_weight.shape
        calibrated = self.input_scale is not None
        return (
            f"QuantizedLinear(in_features={inputs}, out_features={outputs}, "
            f"bias={self.q_bias is not None}, calibrated={calibrated})"
        )


def compare_model_sizes(original_model: Any, quantized_model: Any) -> dict[str, float]:
    """Parameters and bytes of two models, over their `layers`.

    Layers with `memory_usage()` or `stored_bytes()` say their own bytes; others take 4 per element.
    """
    original_params, original_bytes = _totals(original_model)
    quantized_params, quantized_bytes = _totals(quantized_model)
    saved = original_bytes - quantized_bytes
    return {
        "original_params": original_params,
        "quantized_params": quantized_params,
        "original_bytes": original_bytes,
        "quantized_bytes": quantized_bytes,
        "compression_ratio": original_bytes / quantized_bytes if quantized_bytes else 1.0,
        "memory_saved_mb": saved / MB_TO_BYTES,
        "memory_saved_percent": 100.0 * saved / original_bytes if original_bytes else 0.0,
    }


def _totals(model: Any) -> tuple[int, int]:
    parameters = size = 0
    for layer in getattr(model, "layers", [model]):
        own = sum(int(p.size) for p in layer.parameters()) if hasattr(layer, "parameters") else 0
        if hasattr(layer, "memory_usage"):
            size += int(layer.memory_usage()["quantized_bytes"])
        elif hasattr(layer, "stored_bytes"):
            own = layer.count_parameters()
            size += int(layer.stored_bytes())
        else:
            size += own * BYTES_PER_FLOAT32
        parameters += own
    return parameters, size


__all__ = [
    "BYTES_PER_FLOAT32",
    "BYTES_PER_INT8",
    "EPSILON",
    "INT8_MAX_VALUE",
    "INT8_MIN_VALUE",
    "INT8_RANGE",
    "MB_TO_BYTES",
    "Linear",
    "QuantizedLinear",
    "Quantizer",
    "ReLU",
    "Tensor",
    "compare_model_sizes",
    "dequantize_int8",
    "quantize_int8",
    "quantize_model",
]
