"""Older path of `tinytorch.perf.compression`."""

from ..perf.compression import (
    BYTES_PER_FLOAT32,
    MB_TO_BYTES,
    Compressor,
    KnowledgeDistillation,
    compress_model,
    low_rank_approximate,
    magnitude_prune,
    measure_sparsity,
    structured_prune,
)

CompressionComplete = Compressor

__all__ = [
    "BYTES_PER_FLOAT32",
    "MB_TO_BYTES",
    "CompressionComplete",
    "Compressor",
    "KnowledgeDistillation",
    "compress_model",
    "low_rank_approximate",
    "magnitude_prune",
    "measure_sparsity",
    "structured_prune",
]
