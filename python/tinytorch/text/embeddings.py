"""Older path of `tinytorch.core.embeddings`."""

from ..core.embeddings import (
    BYTES_PER_FLOAT32,
    MB_TO_BYTES,
    Embedding,
    EmbeddingLayer,
    PositionalEncoding,
    create_sinusoidal_embeddings,
)

__all__ = [
    "BYTES_PER_FLOAT32",
    "MB_TO_BYTES",
    "Embedding",
    "EmbeddingLayer",
    "PositionalEncoding",
    "create_sinusoidal_embeddings",
]
