"""Older path of `tinytorch.perf.quantization`."""

from ..perf.quantization import (
    QuantizedLinear,
    Quantizer,
    dequantize_int8,
    quantize_int8,
    quantize_model,
)

QuantizationComplete = Quantizer

__all__ = [
    "QuantizationComplete",
    "QuantizedLinear",
    "Quantizer",
    "dequantize_int8",
    "quantize_int8",
    "quantize_model",
]
