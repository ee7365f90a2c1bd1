"""Attention masks as arrays, and the form in which they are added to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensor import Tensor

MASK_VALUE = -1e9
_ADDITIVE_BELOW = -1e4


def additive_bias(mask: Any) -> np.ndarray:
    """What to add to attention scores for `mask` (Tensor, array or list), float32.

    1 keeps and 0 blocks: (1 - mask) MASK_VALUE. Already additive masks come back bounded by
    MASK_VALUE, because -inf in a whole row would make its softmax NaN.
    """
    given = np.asarray(mask.data if isinstance(mask, Tensor) else mask)
    values: NDArray[np.float32] = given.astype(np.float32, copy=False)
    if values.size and values.max() <= 0 and values.min() <= _ADDITIVE_BELOW:
        return np.maximum(values, np.float32(MASK_VALUE))
    return (1 - values) * np.float32(MASK_VALUE)


def create_causal_mask(seq_len: int) -> np.ndarray:
    """(n, n) array: position i sees j <= i."""
    return np.tril(np.ones((seq_len, seq_len), dtype=np.float32))


def create_bidirectional_mask(seq_len: int) -> np.ndarray:
    """(n, n) array: everything is seen."""
    return np.ones((seq_len, seq_len), dtype=np.float32)


def create_padding_mask(lengths: Sequence[int], max_length: int) -> np.ndarray:
    """(batch, n, n) array: in sequence b, the first lengths[b] positions see each other."""
    valid = np.arange(max_length) < np.asarray(lengths)[:, None]
    return (valid[:, :, None] & valid[:, None, :]).astype(np.float32)
