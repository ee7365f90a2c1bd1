"""Pruning, low-rank approximation and distillation under the course's names.

The functions zero weights of the given model in place, through `param.data`; its bytes fall once
`tinytorch.nn.prune.to_sparse` or `shrink` stores it without them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..core.activations import ReLU
from ..core.layers import Linear
from ..core.tensor import Tensor
from ._weights import parameters_of

BYTES_PER_FLOAT32 = 4
MB_TO_BYTES = 1024 * 1024


def _check_fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


def _linear_layers(model: Any) -> list[Linear]:
    if isinstance(model, Linear):
        return [model]
    if hasattr(model, "layers"):
        return [layer for layer in model.layers if isinstance(layer, Linear)]
    return [part for part in vars(model).values() if isinstance(part, Linear)]


class Compressor:
    @staticmethod
    def measure_sparsity(model: Any) -> float:
        """Fraction of zeros over all parameters, in [0, 1]; 0.0 for a model without any."""
        zeros = total = 0
        for parameter in parameters_of(model):
            data = np.asarray(parameter.data)
            zeros += data.size - int(np.count_nonzero(data))
            total += data.size
        return zeros / total if total else 0.0

    @staticmethod
    def magnitude_prune(model: Any, sparsity: float = 0.5) -> Any:
        """Zero, in each parameter, what is smaller than its `sparsity` quantile of magnitudes.

        Returns the model. Biases are included. Equal magnitudes stay together, so a tensor may
        keep more than its share.
        """
        _check_fraction("sparsity", sparsity)
        for parameter in parameters_of(model):
            data = parameter.data
            if data.size == 0:
                continue
            if sparsity == 1.0:
                data[...] = 0.0
                continue
            data[np.abs(data) < _core.sparse.magnitude_quantile(data, sparsity)] = 0.0
        return model

    @staticmethod
    def structured_prune(model: Any, prune_ratio: float = 0.5) -> Any:
        """Zero, in each Linear, the output columns with L2 norms below the `prune_ratio` quantile.

        Returns the model. Shapes stay; `tinytorch.nn.prune.shrink` removes neurons for good.
        """
        _check_fraction("prune_ratio", prune_ratio)
        for layer in _linear_layers(model):
            weight = layer.weight.data
            if weight.size == 0:
                continue
            norms = np.sqrt(np.sum(np.square(weight, dtype=np.float64), axis=0))
            if prune_ratio == 1.0:
                weight[...] = 0.0
                continue
            weight[:, norms < np.quantile(norms, prune_ratio)] = 0.0
        return model

    @staticmethod
    def compress_model(
        model: Any, compression_config: dict[str, float]
    ) -> tuple[Any, dict[str, float]]:
        """Prune as the config says (magnitude_sparsity, structured_prune_ratio); (model, stats).

        stats: original_sparsity, final_sparsity, compression_ratio = 1 / (1 - final_sparsity).
        """
        unknown = set(compression_config) - {"magnitude_sparsity", "structured_prune_ratio"}
        if unknown:
            raise ValueError(
                f"unknown compression settings {sorted(unknown)}; "
                "use magnitude_sparsity and structured_prune_ratio"
            )
        original = Compressor.measure_sparsity(model)
        if "magnitude_sparsity" in compression_config:
            Compressor.magnitude_prune(model, compression_config["magnitude_sparsity"])
        if "structured_prune_ratio" in compression_config:
            Compressor.structured_prune(model, compression_config["structured_prune_ratio"])
        final = Compressor.measure_sparsity(model)
        ratio = 1.0 / (1.0 - final) if final < 1.0 else float("inf")
        return model, {
            "original_sparsity": original,
            "final_sparsity": final,
            "compression_ratio": ratio,
        }


def measure_sparsity(model: Any) -> float:
    """Fraction of zeros over all parameters, in [0, 1]."""
    return Compressor.measure_sparsity(model)


def magnitude_prune(model: Any, sparsity: float = 0.5) -> Any:
    """Zero each parameter's smallest magnitudes in place; returns the model."""
    return Compressor.magnitude_prune(model, sparsity)


def structured_prune(model: Any, prune_ratio: float = 0.5) -> Any:
    """Zero each Linear's weakest output columns in place; returns the model."""
    return Compressor.structured_prune(model, prune_ratio)


def compress_model(
    model: Any, compression_config: dict[str, float]
) -> tuple[Any, dict[str, float]]:
    """Prune in place as the config says; (model, stats)."""
    return Compressor.compress_model(model, compression_config)


def low_rank_approximate(
    weight_matrix: Any, rank_ratio: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truncated SVD of an (m, n) matrix: U (m, r), S (r,), V (r, n).

    r = max(1, int(rank_ratio * min(m, n))).

    (U * S) @ V is the closest matrix of rank r (Eckart & Young 1936).
    """
    matrix = np.asarray(weight_matrix.data if isinstance(weight_matrix, Tensor) else weight_matrix)
    if matrix.ndim != 2:
        raise ValueError(f"low_rank_approximate needs a matrix, got shape {matrix.shape}")
    _check_fraction("rank_ratio", rank_ratio)
    rank = max(1, int(rank_ratio * min(matrix.shape)))
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank], s[:rank], v[:rank]


class KnowledgeDistillation:
    """A student learns from a teacher's softened outputs and the true labels (Hinton et al. 2015).

    loss = alpha KL(student || teacher) at the temperature, summed over rows and classes,
    + (1 - alpha) mean cross-entropy with the labels.
    """

    def __init__(
        self,
        teacher_model: Any,
        student_model: Any,
        temperature: float = 3.0,
        alpha: float = 0.7,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.teacher_model = teacher_model
        self.student_model = student_model
        self.temperature = temperature
        self.alpha = alpha

    def distillation_loss(
        self, student_logits: Any, teacher_logits: Any, true_labels: Any
    ) -> float:
        """Loss of logits (N, classes). Labels: class indices (N,) or one-hot (N, classes)."""
        student, teacher = _logits(student_logits), _logits(teacher_logits)
        soft = self._kl_divergence(
            self._softmax(student / self.temperature), self._softmax(teacher / self.temperature)
        )
        hard = self._cross_entropy(self._softmax(student), true_labels)
        return float(self.alpha * soft + (1.0 - self.alpha) * hard)

    def _softmax(self, logits: Any) -> np.ndarray:
        logits = _logits(logits)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
        return shares

    def _kl_divergence(self, p: Any, q: Any) -> float:
        p, q = _logits(p), _logits(q)
        return float(np.sum(p * (np.log(p + _TINY) - np.log(q + _TINY))))

    def _cross_entropy(self, predictions: Any, labels: Any) -> float:
        predictions = _logits(predictions)
        labels = np.asarray(labels.data if isinstance(labels, Tensor) else labels)
        if labels.ndim == 2 and labels.shape == predictions.shape and labels.shape[1] > 1:
            picked = np.sum(predictions * labels, axis=-1)
        else:
            rows = np.arange(len(predictions))
            picked = predictions[rows, labels.astype(np.int64).reshape(-1)]
        return float(-np.mean(np.log(picked + _TINY)))


_TINY = 1e-12


def _logits(values: Any) -> np.ndarray:
    return np.asarray(values.data if isinstance(values, Tensor) else values, dtype=np.float64)


__all__ = [
    "BYTES_PER_FLOAT32",
    "MB_TO_BYTES",
    "Compressor",
    "KnowledgeDistillation",
    "Linear",
    "ReLU",
    "Tensor",
    "compress_model",
    "low_rank_approximate",
    "magnitude_prune",
    "measure_sparsity",
    "structured_prune",
]
