"""A language model on a text: how well it predicts it, and how far it is from another model."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ..datasets import TextFile
from ..models.language import LanguageModel, open_language_model
from ..text import Characters
from ..workflow.text_score import TextScore, score
from ._console import print_json, say
from ._run import Failure


def evaluate_text(
    path: Path,
    text: Path,
    *,
    reference: Path | None,
    precision: str | None,
    cache: str | None,
    as_json: bool,
) -> None:
    model = open_language_model(path)
    written = TextFile(text).text
    tokenizer = model.need_tokenizer()
    try:
        ids = tokenizer.encode(written, added_tokens=False)
    except ValueError as error:
        raise Failure(f"{text}: {error}") from None
    other = None if reference is None else open_language_model(reference)
    if other is not None:
        _check_same_tokens(model, other, ids, written)
    session = model.session(precision, cache)
    started = time.perf_counter()
    found = score(session, ids, reference=None if other is None else other.session())
    seconds = time.perf_counter() - started
    unknown = 0 if tokenizer.unknown_id is None else int((ids == tokenizer.unknown_id).sum())
    characters = len(written) - len(tokenizer.decode(ids[:1]))
    result = {
        "model": str(model.path),
        "text": str(text),
        "precision": session.precision,
        "cache": session.cache,
        "tokens": found.tokens,
        "characters": characters,
        "unknown_tokens": unknown,
        "nats_per_token": found.nats,
        "nats_per_character": found.per_character(characters),
        "bits_per_character": found.bits(characters),
        "reference": None if other is None else str(other.path),
        "kl_divergence": found.divergence,
        "tokens_per_s": found.tokens / seconds,
    }
    if as_json:
        print_json(result)
        return
    say(_line(path, text, found, characters))
    if unknown > 0:
        say(f"{unknown:,} tokens stand for characters that the model does not know")


def _line(path: Path, text: Path, found: TextScore, characters: int) -> str:
    line = (
        f"{path.name} on {text.name}: {found.per_character(characters):.4f} nats "
        f"({found.bits(characters):.4f} bits) per character, {found.tokens:,} tokens"
    )
    if found.divergence is not None:
        line += f"; KL divergence from the reference {found.divergence:.2e} nats per token"
    return line


def _check_same_tokens(
    model: LanguageModel, other: LanguageModel, ids: np.ndarray, written: str
) -> None:
    theirs = other.need_tokenizer()
    same = isinstance(theirs, Characters) == isinstance(model.tokenizer, Characters)
    if not same or not np.array_equal(theirs.encode(written, added_tokens=False), ids):
        raise Failure(
            f"{model.path} and {other.path} split this text into different tokens: their "
            "predictions cannot be compared"
        )
