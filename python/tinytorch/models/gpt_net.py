"""The decoder-only transformer of a `GptConfig`, for training.

    net = GptNet(GptConfig(vocabulary=65, width=384, layers=6, heads=6, max_length=256))
    logits = net.forward(tokens)              # (batch, length) to (batch, length, vocabulary)
    session = net.session(precision="int8")   # inference

Its matrices are (in, out), as those of `Linear`; files and sessions have them by the names and in
the orientation of `models.gpt`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from ..core._module import Layer
from ..core.autograd import checkpoint
from ..core.layers import Linear
from ..core.tensor import Tensor
from ..runtime import GptSession
from .gpt import GptConfig

_ops = _core.ops
_STD = 0.02  # of starting weights (Radford et al. 2019)


class Norm(Layer):
    """Layer norm with gamma and beta, or root-mean-square norm with gamma."""

    def __init__(self, config: GptConfig) -> None:
        self.eps = config.eps
        self.gamma = Tensor(np.ones(config.width, np.float32), requires_grad=True)
        self.beta = None
        if config.norm == "layer":
            self.beta = Tensor(np.zeros(config.width, np.float32), requires_grad=True)

    def forward(self, x: Any) -> Tensor:
        if self.beta is None:
            return _ops.rms_norm(x, self.gamma, self.eps)
        return _ops.layer_norm(x, self.gamma, self.beta, self.eps)


class Block(Layer):
    """x + proj(attention(norm1(x))), then + down(hidden(norm2(x)))."""

    def __init__(self, config: GptConfig, biases: bool, dropout: float) -> None:
        c = self.config = config
        inner = c.heads * c.head_size
        into_residual = _STD / math.sqrt(2 * c.layers)
        self.norm1 = Norm(c)
        self.qkv = _linear(c.width, inner + 2 * c.kv_heads * c.head_size, biases, _STD)
        self.proj = _linear(inner, c.width, biases, into_residual)
        self.norm2 = Norm(c)
        self.gate = _linear(c.width, c.hidden, biases, _STD) if c.gated else None
        self.up = _linear(c.width, c.hidden, biases, _STD)
        self.down = _linear(c.hidden, c.width, biases, into_residual)
        self.dropout = dropout
        self._activation = getattr(_ops, c.activation)

    def forward(self, x: Any, tables: tuple[Tensor, Tensor] | None = None) -> Tensor:
        qkv = self.qkv.forward(self.norm1.forward(x))
        x = _ops.add(x, self._dropped(self.proj.forward(self._attend(qkv, tables))))
        return _ops.add(x, self._dropped(self.down.forward(self._hidden(self.norm2.forward(x)))))

    def _dropped(self, x: Tensor) -> Tensor:
        return _ops.dropout(x, self.dropout) if self.training and self.dropout else x

    def _attend(self, qkv: Tensor, tables: tuple[Tensor, Tensor] | None) -> Tensor:
        c = self.config
        if tables is not None:
            qkv = _ops.rotary(qkv, *tables, heads=c.heads + c.kv_heads)
        if c.heads == c.kv_heads:
            return _ops.packed_attention(qkv, c.heads, causal=True)
        batch, length, _ = qkv.shape
        heads = _ops.reshape(qkv, (batch, length, -1, c.head_size))
        queries, kv = heads[:, :, : c.heads], heads[:, :, c.heads :]
        shape = (batch, length, 2 * c.kv_heads, c.heads // c.kv_heads, c.head_size)
        repeated = _ops.expand(_ops.unsqueeze(kv, 3), shape)
        repeated = _ops.reshape(repeated, (batch, length, 2 * c.heads, c.head_size))
        together = _ops.concat([queries, repeated], 2)
        flat = _ops.reshape(together, (batch, length, 3 * c.heads * c.head_size))
        return _ops.packed_attention(flat, c.heads, causal=True)

    def _hidden(self, x: Tensor) -> Tensor:
        if self.gate is None:
            return self._activation(self.up.forward(x))
        return _ops.mul(self._activation(self.gate.forward(x)), self.up.forward(x))


class GptNet(Layer):
    """A `GptConfig` with weights to be trained, drawn from NumPy's global generator: normal of
    standard deviation 0.02, what is added to the residual stream by 1 / sqrt(2 layers) smaller.

    Args:
        biases: whether linear layers have any.
        dropout: of embeddings and branches, while training.
        recompute: keep the blocks' inputs only and compute the rest again for gradients: less
            memory, a third more work.
    """

    def __init__(
        self,
        config: GptConfig,
        *,
        biases: bool = False,
        dropout: float = 0.0,
        recompute: bool = False,
    ) -> None:
        c = self.config = config
        self.recompute = recompute
        self.tokens = _normal((c.vocabulary, c.width), _STD)
        self.positions = self._tables = None
        if c.positions == "learned":
            self.positions = _normal((c.max_length, c.width), _STD)
        else:
            self._tables = rotary_tables(c)
        self.dropout = dropout
        self.blocks = [Block(c, biases, dropout) for _ in range(c.layers)]
        self.norm = Norm(c)
        self.head = None if c.tied else _linear(c.width, c.vocabulary, False, _STD)

    def forward(self, tokens: Any) -> Tensor:
        """Logits (batch, length, vocabulary) of what follows each of the tokens (batch, length).

        ValueError for more positions than the model has; IndexError for unknown tokens.
        """
        shape = np.shape(tokens.data if isinstance(tokens, Tensor) else tokens)
        if len(shape) != 2 or not 1 <= shape[1] <= self.config.max_length:
            raise ValueError(
                f"tokens must have shape (batch, 1 to {self.config.max_length}), got {shape}"
            )
        x = _ops.embedding(self.tokens, tokens)
        if self.positions is not None:
            x = _ops.add(x, self.positions[: shape[1]])
        if self.training and self.dropout:
            x = _ops.dropout(x, self.dropout)
        for block in self.blocks:
            x = self._run(block, x)
        x = self.norm.forward(x)
        if self.head is not None:
            return self.head.forward(x)
        return _ops.linear(x, _ops.transpose(self.tokens, 0, 1))

    def _run(self, block: Block, x: Tensor) -> Tensor:
        if self.recompute and self.training:
            return checkpoint(lambda given: block.forward(given, self._tables), x)
        return block.forward(x, self._tables)

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the arrays by the names, and in the orientation, of `models.gpt`."""
        matrices = {id(w) for w in self.matrices()}
        return {
            name: np.array(p.data.T if id(p) in matrices else p.data, order="C")
            for name, p in self.named_parameters()
        }

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over what `weights` gave; ValueError where names or shapes are not the model's."""
        matrices = {id(w) for w in self.matrices()}
        turned = {name for name, p in self.named_parameters() if id(p) in matrices}
        state = {name: np.asarray(w).T if name in turned else w for name, w in weights.items()}
        try:
            self.load_state_dict(state)
        except KeyError as error:
            raise ValueError(error.args[0]) from None

    def matrices(self) -> list[Tensor]:
        """The weights of all linear layers, the head's last if it has its own."""
        found = [
            layer.weight
            for block in self.blocks
            for layer in (block.qkv, block.proj, block.gate, block.up, block.down)
            if layer is not None
        ]
        return found if self.head is None else [*found, self.head.weight]

    def session(self, **options: Any) -> GptSession:
        """An inference session with the weights as they are now; options are those of
        `GptSession`."""
        return GptSession(self.weights(), self.config, **options)

    def __repr__(self) -> str:
        return f"GptNet({self.config})"


def rotary_tables(config: GptConfig) -> tuple[Tensor, Tensor]:
    """cos and sin (max_length, head_size / 2) of position * frequency of the pair."""
    angles = np.arange(config.max_length)[:, None] * np.array(config.rotary_frequencies())
    return Tensor(np.cos(angles).astype(np.float32)), Tensor(np.sin(angles).astype(np.float32))


def _linear(inputs: int, outputs: int, bias: bool, std: float) -> Linear:
    layer = Linear(inputs, outputs, bias)
    layer.weight = _normal((inputs, outputs), std)
    return layer


def _normal(shape: tuple[int, ...], std: float) -> Tensor:
    return Tensor((np.random.randn(*shape) * std).astype(np.float32), requires_grad=True)
