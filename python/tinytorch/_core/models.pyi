# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinytorch.core.tensor import Tensor

__all__: list[str] = ["DigitsCNN", "GptDecoder", "SimpleMLP"]

class SimpleMLP:
    """Linear, ReLU, Linear."""

    @staticmethod
    def over(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> SimpleMLP:
        """A model that shares these four tensors."""

    def __call__(self, x: Tensor) -> Tensor: ...
    def __init__(
        self, input_size: int = 10, hidden_size: int = 20, output_size: int = 3, seed: int = 0
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def count_parameters(self) -> int: ...
    def forward(self, x: Tensor) -> Tensor: ...
    def load_state_dict(self, state: Sequence[tuple[str, Tensor]]) -> None: ...
    def named_parameters(self) -> list[tuple[str, Tensor]]: ...
    def parameters(self) -> list[Tensor]: ...

class DigitsCNN:
    """Two convolutions and a linear layer for 8x8 digits."""

    def __call__(self, x: Tensor) -> Tensor: ...
    def __init__(self, width: int = 16, classes: int = 10, seed: int = 0) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def count_parameters(self) -> int: ...
    def forward(self, x: Tensor) -> Tensor: ...
    def load_state_dict(self, state: Sequence[tuple[str, Tensor]]) -> None: ...
    def named_parameters(self) -> list[tuple[str, Tensor]]: ...
    def parameters(self) -> list[Tensor]: ...

class GptDecoder:
    """Decodes one token of a GPT at a time, with keys and values kept."""

    def __init__(
        self,
        tokens: ArrayLike,
        positions: ArrayLike,
        blocks: Sequence[Any],
        gamma: ArrayLike,
        beta: ArrayLike,
        head: ArrayLike,
        heads: int,
        eps: float,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def attach(self, layer: int, keys: ArrayLike, values: ArrayLike, length: int) -> None:
        """Take over a layer's cache, filled up to `length`; steps write into it."""

    def step(self, token: int, position: int) -> np.ndarray:
        """Logits (vocabulary,) of the token that follows."""
