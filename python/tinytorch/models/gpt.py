"""What makes a decoder-only transformer GPT-2, Llama, or something between.

A model is a `GptConfig` and arrays by canonical name; `GptSession` runs it, `gpt_names` brings the
names of others' files. Matrices are (out, in); biases and betas may be missing:

    tokens (vocabulary, width)       positions (max_length, width)        if learned
    blocks.N.norm1.gamma, .beta      blocks.N.norm2.gamma, .beta          beta: layer norm only
    blocks.N.qkv.weight, .bias       ((heads + 2 kv_heads) * head_size, width)
    blocks.N.proj.weight, .bias      (width, heads * head_size)
    blocks.N.gate.weight, .bias      (hidden, width)                      if gated
    blocks.N.up.weight, .bias        (hidden, width)
    blocks.N.down.weight, .bias      (width, hidden)
    norm.gamma, .beta                head.weight (vocabulary, width)      unless tied
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .. import _core


@dataclass(frozen=True)
class RopeScaling:
    """How the angles of rotary positions change for texts longer than those of the first training.

    Args:
        kind: "linear": all are divided by `factor`; "llama3", as in Llama 3.1 (Grattafiori et al.
            2024): those of pairs with fewer than `low` turns in `length` positions are, those
            with more than `high` stay, and between the two they pass from one to the other.
        factor: at least 1.
        low: see `kind`.
        high: see `kind`.
        length: positions of the first training.
    """

    kind: str
    factor: float
    low: float = 1.0
    high: float = 4.0
    length: int = 8192


@dataclass(frozen=True)
class GptConfig:
    """Sizes and choices of a decoder-only transformer.

    Args:
        vocabulary: number of tokens.
        width: of the residual stream.
        layers: number of blocks.
        heads: of queries.
        kv_heads: of keys and values, each shared by heads / kv_heads queries; `heads` if not given.
        head_size: width / heads if not given; even for rotary positions.
        hidden: width of the MLP's hidden layer; 4 width if not given.
        max_length: positions that a sequence can have.
        norm: "layer" or "rms".
        positions: "learned", or "rotary": pairs (i, i + head_size / 2) turned by the angle
            position * rope_theta ** (-2 i / head_size), as Llama's published checkpoints have it.
        rope_theta: base of the rotary angles.
        rope_scaling: a `RopeScaling`, or its fields as a dict; None for angles as above.
        activation: "gelu", "gelu_tanh", "gelu_sigmoid", "relu" or "silu".
        gated: whether the hidden layer is activation(gate x) * (up x) instead of activation(up x).
        tied: whether the output weight is the token table.
        eps: what norms add to the variance or mean square.

    Raises:
        ValueError: a size outside its bounds, heads that do not divide what they share, an unknown
            name.
        TypeError: a field of another type.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int = None  # type: ignore[assignment]  # an int once made, as the next two
    head_size: int = None  # type: ignore[assignment]
    hidden: int = None  # type: ignore[assignment]
    max_length: int = 1024
    norm: str = "layer"
    positions: str = "learned"
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    activation: str = "gelu_tanh"
    gated: bool = False
    tied: bool = True
    eps: float = 1e-5

    def __post_init__(self) -> None:
        for name, number in _core.runtime.gpt_config(asdict(self)).items():
            object.__setattr__(self, name, number)
        if isinstance(self.rope_scaling, dict):
            object.__setattr__(self, "rope_scaling", RopeScaling(**self.rope_scaling))

    def rotary_frequencies(self) -> list[float]:
        """Return the radians per position by which each pair of a head is turned."""
        return _core.runtime.rotary_frequencies(asdict(self))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays by canonical name, in the order of the computation."""
        return {name: shape for name, (shape, _) in self._arrays().items()}

    def required(self) -> dict[str, tuple[int, ...]]:
        """Return the same without biases and betas, which a model need not have."""
        return {name: shape for name, (shape, required) in self._arrays().items() if required}

    def _arrays(self) -> dict[str, Any]:
        return _core.runtime.gpt_shapes(asdict(self))
