"""`tinytorch evaluate`"""

from __future__ import annotations

from ._options import Data, Json, Model


def evaluate(model: Model, data: Data = None, as_json: Json = False) -> None:
    """Accuracy and loss of a saved model on test data, by class."""
    from ..workflow import measure
    from ._console import console, print_json, say, table
    from ._models import open_model, test_data

    saved = open_model(model)
    rows = test_data(saved, data)
    measure.check_fits(saved.network, rows)
    outputs = measure.scores(saved.network, rows.images)
    counts = measure.confusion(outputs, rows.labels, saved.network.classes)
    right = sum(counts[i][i] for i in range(len(counts)))
    accuracy = right / len(rows.labels)
    loss = measure.cross_entropy(outputs, rows.labels)
    result = {
        "model": str(saved.path),
        "data": rows.name,
        "rows": len(rows.labels),
        "accuracy": accuracy,
        "loss": loss,
        "confusion": counts,
    }
    if as_json:
        print_json(result)
        return
    say(
        f"{saved.path.name} on {rows.name}: accuracy {100 * accuracy:.2f} % "
        f"({right} of {len(rows.labels):,}), loss {loss:.4f}"
    )
    names = [*rows.classes, *(str(i) for i in range(len(rows.classes), len(counts)))]
    lines = [
        [names[i], sum(row), row[i], f"{100 * row[i] / sum(row):.1f} %" if sum(row) else "-"]
        for i, row in enumerate(counts)
    ]
    console.print(table(["class", "rows", "right", "share"], lines))
