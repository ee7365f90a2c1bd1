"""A shipped language model at work."""

from __future__ import annotations

from collections.abc import Callable

from ..models.language import open_language_model
from ..models.shipped import shipped
from ..report.record import WrittenText
from .writing import Writing

MODEL = "shakespeare-int8"
PROMPT = "ROMEO:"


def write(show: Callable[[str], None], *, tokens: int = 400, seed: int = 0) -> WrittenText:
    """Write `tokens` characters after "ROMEO:", each piece given to `show` as it comes."""
    model = open_language_model(MODEL)
    generator = model.generator(max_running=1)
    writing = Writing(generator, model.need_tokenizer(), PROMPT, tokens, temperature=0.7, seed=seed)
    show(PROMPT)
    for piece in writing:
        show(piece)
    facts = writing.facts()
    return WrittenText(
        model=MODEL,
        file_bytes=shipped(MODEL).stat().st_size,
        prompt=PROMPT,
        text=writing.text,
        tokens=facts["tokens"],
        tokens_per_s=facts["tokens_per_s"],
        first_token_ms=1000 * facts["first_token_s"],
    )
