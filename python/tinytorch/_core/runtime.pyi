# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__: list[str] = ["CnnSession", "GptSequence", "GptSession"]

class GptSequence:
    """A text's positions: their keys and values."""

    def truncate(self, length: int) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def nbytes(self) -> int: ...

class GptSession:
    """Inference with a GPT whose weights are packed once."""

    def __init__(
        self,
        weights: dict[str, Any],
        heads: int,
        eps: float = 9.999999747378752e-06,
        activation: str = "gelu_tanh",
        precision: str = "f32",
    ) -> None: ...
    def append(self, sequences: Sequence[Any], tokens: Sequence[Any]) -> np.ndarray: ...
    def generate(self, prompts: ArrayLike, count: int) -> np.ndarray: ...
    def sequence(self, capacity: int) -> GptSequence: ...
    @property
    def max_length(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def vocabulary(self) -> int: ...

class CnnSession:
    """Inference with a convolutional network."""

    def __init__(
        self,
        nodes: Sequence[Sequence[Any]],
        weights: dict[str, Any],
        input_shape: Sequence[int],
        batch: int = 1,
        precision: str = "f32",
        calibration: ArrayLike | None = None,
    ) -> None: ...
    def describe(self) -> str:
        """The steps, a line each, and the memory."""

    def run(self, images: ArrayLike) -> Any:
        """Logits (n, outputs) of images (n, channels, height, width): a Tensor for a Tensor,
        else an ndarray.
        """

    @property
    def outputs(self) -> int: ...
