# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__: list[str] = [
    "CnnSession",
    "GptGenerator",
    "GptRequest",
    "GptSequence",
    "GptSession",
    "Int8Matmul",
    "LinearSession",
    "MlpSession",
    "SamplingOptions",
    "gpt_config",
    "gpt_shapes",
    "rotary_frequencies",
]

class GptSequence:
    """A text's positions: their keys and values."""

    def __reduce__(self) -> tuple[Any, ...]: ...
    def copy_prefix(self, other: GptSequence, length: int) -> None: ...
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
        self, weights: dict[str, Any], config: dict[str, Any], precision: str, head: str, cache: str
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def append(
        self,
        sequences: Sequence[Any],
        tokens: Sequence[Any],
        wanted: int | Sequence[int] | None = None,
    ) -> np.ndarray: ...
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

class SamplingOptions:
    """How a token is chosen from logits."""

    def __init__(
        self,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        logit_bias: Mapping[int, float],
        seed: int,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def probabilities(self, logits: ArrayLike, tokens: ArrayLike) -> np.ndarray: ...
    def sample(self, logits: ArrayLike, tokens: ArrayLike, place: int) -> int: ...

class GptRequest:
    """A text to generate."""

    def __reduce__(self) -> tuple[Any, ...]: ...
    def status(self) -> dict[str, Any]: ...
    def take_error(self) -> BaseException | None: ...
    def text(self, first: int = 0) -> bytes: ...
    def times(self) -> np.ndarray: ...
    def tokens(self, first: int = 0) -> np.ndarray: ...
    @property
    def finished(self) -> bool: ...
    @property
    def id(self) -> int: ...
    @property
    def prompt_length(self) -> int: ...

class GptGenerator:
    """Generation for many requests at once."""

    def __init__(
        self,
        session: GptSession,
        max_running: int,
        kept: int,
        capacity: int,
        prompt_tokens: int,
        share_prefixes: bool,
        draft: GptSession | None = None,
        bytes_of: Callable[..., Any] | None = None,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def cancel(self, id: int) -> bool: ...
    def close(self) -> None: ...
    def step(self) -> bool: ...
    def submit(
        self,
        prompt: ArrayLike,
        sampling: SamplingOptions,
        max_new_tokens: int,
        stop_tokens: Sequence[Sequence[int]],
        stop_text: Sequence[bytes],
        constraint: Callable[..., Any] | None,
        speculate: str,
        draft_tokens: int,
        ngram: int,
    ) -> GptRequest: ...
    @property
    def cache_nbytes(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    @property
    def running(self) -> int: ...
    @property
    def waiting(self) -> int: ...

class LinearSession:
    """A linear layer y = x W^T + b whose weight was packed once in a number format;
    immutable, shared by threads.
    """

    def __call__(self, x: ArrayLike) -> Any:
        """y (..., out) of x (..., in): a Tensor for a Tensor, else an ndarray."""

    def __init__(
        self, weight: ArrayLike, bias: ArrayLike | None = None, precision: str = "f32"
    ) -> None:
        """weight (out, in), bias (out,) or None; precision f32, bf16, int8 or int4."""

    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def in_features(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def out_features(self) -> int: ...

class MlpSession:
    """Linear layers with ReLU between them: weights packed once, blocks of rows taken
    through all layers; immutable, shared by threads.
    """

    def __call__(self, x: ArrayLike) -> Any:
        """y (..., out) of x (..., in): a Tensor for a Tensor, else an ndarray."""

    def __init__(self, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        """weights[i] (in, out) and biases[i] (out,); each layer's outputs are the next's
        inputs.
        """

    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def in_features(self) -> int: ...
    @property
    def out_features(self) -> int: ...

class Int8Matmul:
    """Exact integer products a @ b with a constant int8 b (k, n) in [-127, 127]."""

    def __call__(self, a: ArrayLike) -> np.ndarray:
        """int32 (m, n) of int8 (m, k) in [-127, 127]."""

    def __init__(self, b: ArrayLike) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

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
        method: str = "minmax",
        percentile: float = 99.99,
        ranges: Sequence[tuple[float, float]] = [],
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def describe(self) -> str:
        """The steps, a line each, and the memory."""

    def memory(self) -> dict[str, int]: ...
    def run(self, images: ArrayLike) -> Any:
        """Logits (n, outputs) of images (n, channels, height, width): a Tensor for a Tensor,
        else an ndarray.
        """

    @property
    def outputs(self) -> int: ...
    @property
    def ranges(self) -> list[tuple[float, float]]:
        """int8: the smallest and largest number that the codes of each value stand for."""

def gpt_config(config: dict[str, Any]) -> dict[str, Any]:
    """Checks a config; its numbers, with those that follow from others."""

def gpt_shapes(config: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], bool]]:
    """Of each array that a model may have: its shape, and whether it must."""

def rotary_frequencies(config: dict[str, Any]) -> list[float]:
    """Radians per position of each pair of a head, as a list."""
