"""tinytorch: a small deep-learning framework with its own C++ engine.

Everything a first program needs is here; the other modules (nn, optim, perf, bench, capstone, data,
text, ...) are loaded when they are first used.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from . import _core

if not hasattr(_core, "ops"):  # then it is the folder of its stubs
    raise ImportError("tinytorch's C++ engine is not built; run `make build` or install a wheel")

from .core._autocast import autocast
from .core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from .core.attention import MultiHeadAttention, scaled_dot_product_attention
from .core.autograd import enable_autograd
from .core.dataloader import (
    Compose,
    DataLoader,
    Dataset,
    RandomCrop,
    RandomHorizontalFlip,
    TensorDataset,
)
from .core.embeddings import Embedding, EmbeddingLayer, PositionalEncoding
from .core.layers import Dropout, Layer, Linear
from .core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss
from .core.optimizers import SGD, Adam, AdamW
from .core.spatial import AvgPool2d, Conv2d, MaxPool2d
from .core.tensor import Tensor
from .core.tokenization import BPETokenizer, CharTokenizer, Tokenizer
from .core.training import CosineSchedule, Trainer, clip_grad_norm
from .core.transformer import GPT, MLP, LayerNorm, TransformerBlock, create_causal_mask

__version__ = "0.1.0"

__all__ = [
    "GELU",
    "GPT",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BPETokenizer",
    "BinaryCrossEntropyLoss",
    "CharTokenizer",
    "Compose",
    "Conv2d",
    "CosineSchedule",
    "CrossEntropyLoss",
    "DataLoader",
    "Dataset",
    "Dropout",
    "Embedding",
    "EmbeddingLayer",
    "Layer",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "MultiHeadAttention",
    "PositionalEncoding",
    "RandomCrop",
    "RandomHorizontalFlip",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Tensor",
    "TensorDataset",
    "Tokenizer",
    "Trainer",
    "TransformerBlock",
    "autocast",
    "clip_grad_norm",
    "create_causal_mask",
    "enable_autograd",
    "scaled_dot_product_attention",
]

# The capstone's names, from `tinytorch.capstone` when first used.
_CAPSTONE = (
    "BenchmarkReport",
    "SimpleMLP",
    "generate_submission",
    "save_submission",
    "validate_submission_schema",
)


def __getattr__(name: str) -> Any:
    if name in _CAPSTONE:
        return getattr(importlib.import_module(".capstone", __name__), name)
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_CAPSTONE})
