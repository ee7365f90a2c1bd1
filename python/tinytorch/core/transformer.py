"""Layer normalisation, the transformer block (pre-norm) and a GPT-style language model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ._generate import sample_tokens
from ._module import Layer
from .activations import GELU
from .attention import MultiHeadAttention
from .embeddings import Embedding, PositionalEncoding
from .layers import Linear
from .tensor import Tensor

_ops = _core.ops

BYTES_PER_FLOAT32 = 4
MB_TO_BYTES = 1024 * 1024


def create_causal_mask(seq_len: int) -> Tensor:
    """(1, n, n) Tensor: 1 on and below the diagonal, 0 above."""
    return Tensor(np.tril(np.ones((1, seq_len, seq_len), dtype=np.float32)))


class LayerNorm(Layer):
    """gamma (x - mean) / sqrt(var + eps) + beta over the last axis (Ba et al. 2016)."""

    def __init__(self, normalized_shape: Any, eps: float = 1e-5) -> None:
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.gamma = Tensor(np.ones(normalized_shape), requires_grad=True)
        self.beta = Tensor(np.zeros(normalized_shape), requires_grad=True)

    def forward(self, x: Any) -> Tensor:
        width = x.shape[-1] if len(x.shape) else 0
        if self.gamma.shape == self.beta.shape == (width,):
            return _ops.layer_norm(x, self.gamma, self.beta, self.eps)
        return _ops.layer_norm(x, eps=self.eps) * self.gamma + self.beta

    def parameters(self) -> list[Tensor]:
        return [self.gamma, self.beta]

    def __repr__(self) -> str:
        return f"LayerNorm({self.normalized_shape}, eps={self.eps})"


class MLP(Layer):
    """Linear, GELU, Linear; the hidden width defaults to 4 embed_dim."""

    def __init__(
        self, embed_dim: int, hidden_dim: int | None = None, dropout_prob: float = 0.1
    ) -> None:
        self.embed_dim = embed_dim
        self.hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.dropout_prob = dropout_prob
        self.linear1 = Linear(embed_dim, self.hidden_dim)
        self.gelu = GELU()
        self.linear2 = Linear(self.hidden_dim, embed_dim)

    def forward(self, x: Any) -> Tensor:
        return self.linear2.forward(self.gelu.forward(self.linear1.forward(x)))

    def parameters(self) -> list[Tensor]:
        return [*self.linear1.parameters(), *self.linear2.parameters()]


class TransformerBlock(Layer):
    """x + attention(ln1(x)), then + mlp(ln2(.)): pre-norm with two residual paths."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float = 4,
        dropout_prob: float = 0.1,
        *,
        hidden_dim: int | None = None,
    ) -> None:
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.ln1 = LayerNorm(embed_dim)
        self.ln2 = LayerNorm(embed_dim)
        width = int(embed_dim * mlp_ratio) if hidden_dim is None else hidden_dim
        self.mlp = MLP(embed_dim, width, dropout_prob)

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        x = x + self.attention.forward(self.ln1.forward(x), mask)
        return x + self.mlp.forward(self.ln2.forward(x))

    def __call__(self, x: Any, mask: Any = None) -> Tensor:
        return self.forward(x, mask)

    def parameters(self) -> list[Tensor]:
        parts = (self.attention, self.ln1, self.ln2, self.mlp)
        return [parameter for part in parts for parameter in part.parameters()]


class GPT(Layer):
    """Decoder-only language model: tokens (B, S) to logits (B, S, vocab_size), causal.

    With `tinytorch.perf.memoization.enable_kv_cache(model)`, single tokens fed one at a time stand
    at the cache's position and see the ones before them.
    """

    _kv_cache: Any  # set by enable_kv_cache

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        max_seq_len: int = 1024,
    ) -> None:
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.max_seq_len = max_seq_len
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = Embedding(max_seq_len, embed_dim)
        self.blocks = [TransformerBlock(embed_dim, num_heads) for _ in range(num_layers)]
        self.ln_f = LayerNorm(embed_dim)
        self.lm_head = Linear(embed_dim, vocab_size, bias=False)

    def forward(self, tokens: Any) -> Tensor:
        if len(tokens.shape) != 2:
            raise ValueError(f"tokens must have shape (batch, sequence), got {tuple(tokens.shape)}")
        length = tokens.shape[1]
        start = self._position_of_next() if length == 1 else 0
        positions = Tensor(np.arange(start, start + length, dtype=np.float32)[None])
        x = self.token_embedding.forward(tokens) + self.position_embedding.forward(positions)
        mask = self._create_causal_mask(length)
        for block in self.blocks:
            x = block.forward(x, mask)
        return self.lm_head.forward(self.ln_f.forward(x))

    def __call__(self, tokens: Any) -> Tensor:
        return self.forward(tokens)

    def _create_causal_mask(self, seq_len: int) -> Tensor:
        return create_causal_mask(seq_len)

    def _position_of_next(self) -> int:
        if getattr(self, "_cache_enabled", False):
            return int(self._kv_cache.seq_pos)
        return 0

    def generate(
        self, prompt_tokens: Any, max_new_tokens: int = 50, temperature: float = 1.0
    ) -> Tensor:
        """The prompt (1, S) with `max_new_tokens` sampled tokens behind it, (1, S + n).

        Tokens are drawn by `np.random.choice` from softmax(logits / temperature); temperature 0
        takes the likeliest one.
        """
        return sample_tokens(self, prompt_tokens, max_new_tokens, temperature)

    def parameters(self) -> list[Tensor]:
        parts = (
            self.token_embedding,
            self.position_embedding,
            *self.blocks,
            self.ln_f,
            self.lm_head,
        )
        return [parameter for part in parts for parameter in part.parameters()]


__all__ = [
    "BYTES_PER_FLOAT32",
    "GELU",
    "GPT",
    "MB_TO_BYTES",
    "MLP",
    "Embedding",
    "LayerNorm",
    "Linear",
    "MultiHeadAttention",
    "PositionalEncoding",
    "Tensor",
    "TransformerBlock",
    "create_causal_mask",
]
