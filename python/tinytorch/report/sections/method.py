"""How it was measured, on what, and what to keep in mind."""

from __future__ import annotations

from typing import Any

from .. import figures
from ..markup import Markup, tag
from ..record import Run
from ..tables import section

_METHOD = (
    "Latency: monotonic clock, after a warm-up that is not counted; each run repeats the forward "
    "pass often enough that the clock adds less than 1 %. Mean and deviation leave out outliers "
    "(more than five scaled median deviations from the median); p50 and p90 are of all runs.",
    "Latency and throughput include the call from Python, as a user has it.",
    "Throughput: the median time of one forward pass over a batch, for doubling batch sizes.",
    "Speed-ups are ratios of mean latencies on this machine; on another one they will differ.",
)


def method(run: Run) -> Markup | None:
    notes = [tag("li", note) for note in (*_METHOD, *run.notes)]
    return section(
        "method",
        "How it was measured",
        tag("div", tag("ul", notes, class_="notes"), tag("div", _facts(run)), class_="panels"),
    )


def _facts(run: Run) -> Markup:
    facts: list[tuple[str, Any]] = [("command", tag("code", run.command)), ("started", run.started)]
    if run.seconds:
        facts.append(("took", figures.seconds(run.seconds)))
    if run.data is not None:
        split = f"{run.data.train_count:,} for training, {run.data.test_count:,} for testing"
        facts.append(("data", f"{run.data.name}: {split}. {run.data.source}"))
    info = run.system_info
    names = {
        "cpu": "processor",
        "isa": "kernels for",
        "threads": "threads",
        "memory_mb": "memory",
        "platform": "system",
        "python_version": "Python",
        "numpy_version": "NumPy",
        "tinytorch_version": "tinytorch",
    }
    for key, name in names.items():
        if info.get(key):
            value = figures.size(info[key] * (1 << 20)) if key == "memory_mb" else info[key]
            facts.append((name, value))
    files = [v.file for m in run.models for v in m.variants if v.file]
    if files:
        facts.append(("files", [[tag("code", name), tag("br")] for name in files]))
    return tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in facts], class_="facts")
