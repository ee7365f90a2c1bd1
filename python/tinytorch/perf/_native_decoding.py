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
        and cache.batch_size == 1
        and len(cache.caches) == len(model.blocks)
        and model.lm_head.bias is None
        and all(_is_plain(part, kind) for part, kind in _parts(model))
        and all(_is_cached(block.attention, cache) for block in model.blocks)
    )


def _parts(model: GPT) -> list[tuple[Any, type]]:
    parts: list[tuple[Any, type]] = [
        (model.token_embedding, Embedding),
        (model.position_embedding, Embedding),
        (model.ln_f, LayerNorm),
        (model.lm_head, Linear),
    ]
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        if not (_is_plain(block, TransformerBlock) and type(attention) is MultiHeadAttention):
            return [(block, type(None))]
        parts += [(block.ln1, LayerNorm), (block.ln2, LayerNorm), (mlp, MLP)]
        projections = (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj)
        parts += [(layer, Linear) for layer in (*projections, mlp.linear1, mlp.linear2)]
        parts += [(mlp.gelu, GELU)]
    return parts


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
    a, mlp = block.attention, block.mlp
    linears = (a.q_proj, a.k_proj, a.v_proj, a.out_proj)
    return [
        *(block.ln1.gamma, block.ln1.beta),
        *(p for layer in linears for p in (layer.weight, layer.bias)),
        *(block.ln2.gamma, block.ln2.beta),
        *(p for layer in (mlp.linear1, mlp.linear2) for p in (layer.weight, layer.bias)),
    ]
