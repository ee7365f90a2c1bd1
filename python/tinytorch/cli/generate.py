"""`tinytorch generate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import Json
from ._run import Failure

_SHIPPED = "shakespeare-int8"


def generate(
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "\n",
    model: Annotated[
        Path,
        typer.Option(
            help="A trained model, a folder in Hugging Face's layout, a GGUF file, a shipped name."
        ),
    ] = Path(_SHIPPED),
    stream: Annotated[
        bool,
        typer.Option("--stream/--whole", help="Show text while it is made, or at the end."),
    ] = True,
    tokens: Annotated[int, typer.Option(min=0, help="New tokens at most.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0, help="0 takes the likeliest token, 1 the model's own shares.")
    ] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Of the k likeliest; 0: of all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, help="Of the likeliest that sum to this share.")
    ] = 1.0,
    min_p: Annotated[
        float, typer.Option(min=0, max=1, help="Of those so likely beside the likeliest.")
    ] = 0.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: fewer repetitions.")] = 1.0,
    stop: Annotated[
        list[str] | None, typer.Option(help="Text that ends it; can be given several times.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Same seed, same text; drawn if left out.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="f32, bf16, int8 or int4; the file's own if left out.")
    ] = None,
    speculate: Annotated[
        bool,
        typer.Option("--speculate", help="Guess tokens by what was there before, and check them."),
    ] = False,
    draft: Annotated[Path | None, typer.Option(help="A smaller model that guesses tokens.")] = None,
    as_json: Json = False,
) -> None:
    """Write text with a language model; Ctrl-C ends it, with what there is."""
    from ..models.language import open_language_model
    from ..workflow.writing import Writing
    from ._console import print_json, say

    opened = open_language_model(model)
    tokenizer = opened.need_tokenizer()
    if not prompt:
        raise Failure("--prompt must not be empty: a model goes on with something", 2)
    helper = None if draft is None else open_language_model(draft).session()
    generator = opened.generator(precision, draft=helper, max_running=1)
    guesses = "draft" if draft is not None else "lookup" if speculate else None
    options: dict[str, Any] = {
        "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "repetition_penalty": repetition_penalty, "stop": stop or [], "seed": seed,
        "speculate": guesses,
    }  # fmt: skip
    writing = Writing(generator, tokenizer, prompt, tokens, **options)
    shown = stream and not as_json
    _write(prompt if shown else "")
    try:
        for piece in writing:
            _write(piece if shown else "")
    except KeyboardInterrupt:
        writing.close()
    facts = writing.facts()
    if as_json:
        about = {"model": str(opened.path), "prompt": prompt, "text": writing.text}
        print_json({**about, **facts, "cache_bytes": generator.cache_nbytes})
        return
    _write("\n" if shown else f"{prompt}{writing.text}\n")
    say(_summary(facts))


def _summary(facts: dict[str, Any]) -> str:
    line = (
        f"{facts['tokens']} tokens, {facts['tokens_per_s'] or 0:,.0f} a second, first after "
        f"{(facts['first_token_s'] or 0) * 1000:.1f} ms, seed {facts['seed']}"
    )
    if facts["accepted_share"] is not None:
        line += f", {facts['accepted_share']:.0%} of guesses right"
    return line


def _write(text: str) -> None:
    print(text, end="", flush=True)
