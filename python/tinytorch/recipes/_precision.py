"""In which number format a training multiplies."""

from __future__ import annotations

from .. import _core

PRECISIONS = ("auto", "f32", "bf16")


def bfloat16_is_fast() -> bool:
    """Whether this processor has instructions for products of bfloat16."""
    return bool(_core.active_isa() in ("amx", "avx512_bf16"))


def chosen(precision: str) -> str:
    """f32 or bf16: what "auto" stands for here. ValueError for other names."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be auto, f32 or bf16, got {precision!r}")
    if precision == "auto":
        return "bf16" if bfloat16_is_fast() else "f32"
    return precision
