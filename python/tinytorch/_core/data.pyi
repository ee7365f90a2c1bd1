# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence

import numpy as np

__all__: list[str] = ["augmented"]

def augmented(
    images: np.ndarray,
    rows: np.ndarray,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    pad: int = 0,
    border: str = "reflect",
    flip: str = "none",
    cutout: int = 0,
    seed: int = 0,
    epoch: int = 0,
) -> np.ndarray:
    """Images `rows` (int64) of uint8 (N, C, H, W) as float32: normalized, moved, mirrored,
    cut. The draws depend on (seed, epoch, image) alone.
    """
