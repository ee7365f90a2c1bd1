"""`tinytorch evaluate`"""

from __future__ import annotations

from ._options import Data, Json, Model


def evaluate(model: Model, data: Data = None, as_json: Json = False) -> None:
    """Accuracy and loss of a saved model on test data, recall of each class, and images/s."""
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
