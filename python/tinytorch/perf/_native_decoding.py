"""When a GPT may be decoded by the engine in one call per token.

Only where that cannot be told from running the model: every part is of the course's own class, and
nobody has replaced a method on an object or a class. A model that was changed runs as it is.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from ..core.activations import GELU
from ..core.attention import MultiHeadAttention
from ..core.embeddings import Embedding
from ..core.layers import Linear
from ..core.tensor import Tensor
from ..core.transformer import GPT, MLP, LayerNorm, TransformerBlock
from ._cached_attention import CachedForward

_PARTS: tuple[type, ...] = (
    GELU,
    GPT,
    MLP,
    CachedForward,
    Embedding,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    TransformerBlock,
)
_TENSOR_METHODS = ("__add__", "__mul__", "matmul", "reshape", "transpose", "data")
# The functions of each class as they are here; scripts replace them on the class.
_ORIGINAL: dict[tuple[type, str], Any] = {
    **{(c, name): value for c in _PARTS for name, value in vars(c).items() if callable(value)},
    **{(Tensor, name): getattr(Tensor, name) for name in _TENSOR_METHODS},
}


def decoder_for(model: Any, cache: Any) -> Any:
    """A `_core.models.GptDecoder` over the model's weights and its cache, or None."""
    if not _is_pristine(model, cache):
        return None
    norms = [model.ln_f, *(norm for b in model.blocks for norm in (b.ln1, b.ln2))]
    if len({norm.eps for norm in norms}) != 1:
        return None
    try:
        decoder = _core.models.GptDecoder(
            model.token_embedding.weight,
            model.position_embedding.weight,
            [_block_weights(block) for block in model.blocks],
            model.ln_f.gamma,
            model.ln_f.beta,
            model.lm_head.weight,
            model.num_heads,
            model.ln_f.eps,
        )
        for layer, (keys, values) in enumerate(cache.caches):
            decoder.attach(layer, keys, values, cache.seq_pos)
    except (ValueError, TypeError):  # shapes of a model of another design
        return None
    return decoder


def _is_pristine(model: Any, cache: Any) -> bool:
    classes_are = all(getattr(c, name, None) is value for (c, name), value in _ORIGINAL.items())
    return (
        classes_are
        and _is_plain(model, GPT)
        and _is_plain(model.token_embedding, Embedding)
        and _is_plain(model.position_embedding, Embedding)
        and _is_plain(model.ln_f, LayerNorm)
        and _is_plain(model.lm_head, Linear)
        and model.lm_head.bias is None
        and cache.batch_size == 1
        and len(cache.caches) == len(model.blocks)
        and all(_is_plain_block(block, cache) for block in model.blocks)
    )


def _is_plain_block(block: Any, cache: Any) -> bool:
    return (
        _is_plain(block, TransformerBlock)
        and type(block.attention) is MultiHeadAttention
        and _is_cached(block.attention, cache)
        and _is_plain(block.ln1, LayerNorm)
        and _is_plain(block.ln2, LayerNorm)
        and _is_plain(block.mlp, MLP)
        and _is_plain(block.mlp.gelu, GELU)
        and all(_is_plain(layer, Linear) for layer in _linears(block))
    )


def _linears(block: TransformerBlock) -> list[Any]:
    a, mlp = block.attention, block.mlp
    return [a.q_proj, a.k_proj, a.v_proj, a.out_proj, mlp.linear1, mlp.linear2]


def _is_plain(part: Any, kind: type) -> bool:
    return type(part) is kind and not any(
        callable(getattr(kind, name, None)) for name in vars(part)
    )


def _is_cached(attention: MultiHeadAttention, cache: Any) -> bool:
    """The cache's own forward over the class's; nothing else replaced on the object."""
    forward = attention.forward
    replaced = [n for n in vars(attention) if callable(getattr(MultiHeadAttention, n, None))]
    return (
        isinstance(forward, CachedForward)
        and forward.cache is cache
        and replaced == ["forward"]
        and getattr(forward.original, "__func__", None) is MultiHeadAttention.forward
    )


def _block_weights(block: TransformerBlock) -> list[Any]:
    *projections, up, down = [(layer.weight, layer.bias) for layer in _linears(block)]
    return [
        *(block.ln1.gamma, block.ln1.beta),
        *(p for pair in projections for p in pair),
        *(block.ln2.gamma, block.ln2.beta),
        *up,
        *down,
    ]
