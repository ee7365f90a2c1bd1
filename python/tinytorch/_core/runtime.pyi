# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

__all__: list[str] = ["CnnSession"]

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
