"""`tinytorch evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import Data, Json, Model

_WITH_TEXT = "With --text."


def evaluate(
    model: Model,
    data: Data = None,
    text: Annotated[
        Path | None, typer.Option(help="A UTF-8 text, for language models: nats per character.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help=f"A model to measure the divergence from. {_WITH_TEXT}")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help=f"f32, bf16, int8 or int4; the file's if left out. {_WITH_TEXT}"),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(help=f"Of keys and values: f32, f16 or int8; by the weights. {_WITH_TEXT}"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Accuracy and loss of a saved model on test data, recall of each class, and images/s; with
    --text, how well a language model predicts it."""
    from ._run import Failure

    if text is not None:
        from ._evaluate_text import evaluate_text

        if data is not None:
            raise Failure("--data is for images, --text for language models: give one", 2)
        evaluate_text(
            model, text, reference=reference, precision=precision, cache=cache, as_json=as_json
        )
        return
    if (reference, precision, cache) != (None, None, None):
        raise Failure("--reference, --precision and --cache need --text", 2)
    _evaluate_images(model, data, as_json)


def _evaluate_images(model: Path, data: str | None, as_json: bool) -> None:
    import time

    from ..workflow import measure
    from ._console import console, print_json, say, table
    from ._models import open_model, test_data

    saved = open_model(model)
    rows = test_data(saved, data)
    measure.check_fits(saved.network, rows)
    started = time.perf_counter()
    outputs = measure.served_scores(saved.network, rows.images)
    seconds = time.perf_counter() - started
    counts = measure.confusion(outputs, rows.labels, saved.network.classes)
    right = sum(counts[i][i] for i in range(len(counts)))
    accuracy = right / len(rows.labels)
    loss = measure.cross_entropy(outputs, rows.labels)
    names = [*rows.classes, *(str(i) for i in range(len(rows.classes), len(counts)))]
    recall = measure.recalls(counts)
    result = {
        "model": str(saved.path),
        "data": rows.name,
        "rows": len(rows.labels),
        "accuracy": accuracy,
        "loss": loss,
        "recall": dict(zip(names, recall, strict=True)),
        "images_per_s": len(rows.labels) / seconds,
        "confusion": counts,
    }
    if as_json:
        print_json(result)
        return
    say(
        f"{saved.path.name} on {rows.name}: accuracy {100 * accuracy:.2f} % "
        f"({right} of {len(rows.labels):,}), loss {loss:.4f}, "
        f"{len(rows.labels) / seconds:,.0f} images/s"
    )
    lines = [
        [name, sum(row), row[i], "-" if share is None else f"{100 * share:.1f} %"]
        for i, (name, row, share) in enumerate(zip(names, counts, recall, strict=True))
    ]
    console.print(table(["class", "rows", "right", "recall"], lines))
