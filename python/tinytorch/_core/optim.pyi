# The C++ engine, for type checkers; `make stubs` writes this file.
import numpy as np

__all__: list[str] = ["adam_step", "sgd_step"]

def adam_step(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    decoupled: bool = False,
) -> None:
    """Adam (Kingma & Ba 2015); decoupled: AdamW (Loshchilov & Hutter 2019)."""

def sgd_step(
    w: np.ndarray,
    g: np.ndarray,
    momentum_buffer: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """g += weight_decay w; v = momentum v + g; w -= lr (g + momentum v if nesterov else v)."""
