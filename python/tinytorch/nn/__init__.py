"""Layers under PyTorch's names; `nn.functional` (also `nn.F`) has the functions, `nn.init` the
initialisers, `nn.quantized`, `nn.sparse` and `nn.prune` make models smaller."""

import importlib
from typing import Any

from ..core._batch_norm import BatchNorm1d, BatchNorm2d
from ..core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from ..core.attention import MultiHeadAttention, scaled_dot_product_attention
from ..core.embeddings import Embedding, PositionalEncoding
from ..core.layers import Dropout, Flatten, Layer, Linear, Sequential
from ..core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss
from ..core.spatial import AvgPool2d, Conv2d, MaxPool2d
from ..core.tensor import Parameter
from ..core.transformer import LayerNorm, TransformerBlock
from . import functional, init

F = functional
Module = Layer

_ON_FIRST_USE = ("prune", "quantized", "sparse", "utils")


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "GELU",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BinaryCrossEntropyLoss",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "F",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "Parameter",
    "PositionalEncoding",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TransformerBlock",
    "functional",
    "init",
    "scaled_dot_product_attention",
]
