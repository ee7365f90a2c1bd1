"""The page: sound HTML, nothing from elsewhere, every picture told in words."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tinytorch.report import Run, page, write_report
from tinytorch.report.record import (
    Curves,
    DataInfo,
    Example,
    LayerCost,
    ModelRun,
    Photograph,
    Photographs,
    Prediction,
    Variant,
    WrittenText,
)

VOID = {"br", "hr", "img", "meta", "link", "input", "col"}


class Checker(HTMLParser):
    """Holds the tree against the rules as it is read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict]] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.pictures: list[tuple[str, dict, set[str]]] = []
        self.tags: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if "id" in found:
            self.ids.append(found["id"])
        self.references += (found.get("aria-labelledby") or "").split()
        if tag == "a":
            assert found["href"].startswith("#")
            self.references.append(found["href"][1:])
        if tag in ("svg", "img"):
            self.pictures.append((tag, found, set()))
        if tag in ("title", "desc") and any(name == "svg" for name, _ in self.open):
            self.pictures[-1][2].add(tag)
        for name in ("src", "href", "action", "srcset", "xlink:href"):
            assert (found.get(name) or "#").startswith(("#", "data:image/png;base64,"))
        assert not [name for name in found if name.startswith("on")]
        if tag not in VOID:
            self.open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert set(checker.references) <= set(checker.ids)
    for tag, attributes, words in checker.pictures:
        if tag == "img":
            assert attributes.get("alt")
        elif attributes.get("aria-hidden") != "true":
            assert attributes.get("role") == "img"
            assert {"title", "desc"} <= words
    assert checker.tags.get("script", 0) == 0
    assert checker.tags.get("h1") == 1
    assert not re.search(r"https?://|@import|url\(", html)
    assert "prefers-color-scheme: dark" in html
    return checker


def metrics(accuracy: float = 0.98, size: int = 1000, latency: float = 0.01) -> dict:
    return {
        "parameter_count": 250,
        "model_size_mb": size / 2**20,
        "model_size_bytes": size,
        "accuracy": accuracy,
        "latency_ms_mean": latency,
        "latency_ms_std": latency / 10,
        "latency_ms_p50": latency,
        "latency_ms_p90": latency * 1.2,
        "latency_ms_min": latency * 0.9,
        "throughput_samples_per_sec": 1000 / latency,
        "batched_throughput_samples_per_sec": 5000 / latency,
        "best_batch_size": 64,
        "peak_memory_mb": 0.01,
    }


def full_run() -> Run:
    layers = [
        LayerCost("fc1", "Linear", "10", 250, 480, 1000, 0.006),
        LayerCost("relu", "ReLU", "10", 0, 10, 0, 0.001),
    ]
    confusion = [[9, 1], [0, 10]]
    curve = [[1.0, 1e5], [2.0, 1.5e5], [4.0, 1.4e5]]
    variants = [
        Variant(
            "baseline",
            "Baseline",
            metrics(),
            [],
            "float32",
            curve,
            layers,
            confusion,
            "a.safetensors",
        ),
        Variant("int8", "INT8", metrics(0.97, 260, 0.008), ["int8"], "", curve, layers, confusion),
    ]
    curves = Curves([1.0, 0.5], [0.9, 0.4], [0.8, 0.98], 1.5)
    models = [
        ModelRun("m", "MLP", "4 \u2192 2", variants, curves, curves, 0.97),
        ModelRun("c", "CNN", "conv", copy.deepcopy(variants), curves, None, 0.97),
    ]
    shown = Example(
        3, [[0, 128], [255, 0]], "1", [Prediction("m", "0", 0.9), Prediction("c", "1", 0.8)]
    )
    data = DataInfo("digits", "somewhere", 80, 20, ["0", "1"])
    system = {"cpu": "A CPU", "isa": "avx2", "threads": 2, "memory_mb": 1024}
    surest = Photograph(7, "cat", "dog", 0.93)
    photographs = Photographs("swiftcnn-int8", 295_000, 200, 180, 54.0, 2e4, [surest])
    return Run(
        "A run",
        "tinytorch demo",
        "2026-01-02T03:04:05+00:00",
        12.0,
        system,
        models,
        data,
        [shown],
        ["A note."],
        photographs,
        WrittenText("shakespeare-int8", 1_800_000, "ROMEO:", "\nO <me>!\n", 9, 4e3, 1.5),
    )


def test_a_full_run_has_every_section() -> None:
    checker = check(page(full_run()))
    anchors = {"results", "tradeoffs", "layers", "sizes", "throughput", "training", "confusion"}
    assert anchors | {"examples", "photographs", "written", "method"} <= set(checker.ids)
    assert checker.tags["svg"] >= 10
    assert checker.tags["table"] >= 10


def test_what_is_missing_is_left_out() -> None:
    run = full_run()
    run.data, run.examples, run.notes, run.photographs = None, [], [], None
    run.written = None
    for model in run.models:
        model.training = model.fine_tuning = model.target_accuracy = None
        model.variants = [Variant(v.key, v.title, v.metrics) for v in model.variants]
    checker = check(page(run))
    assert {"results", "tradeoffs", "sizes", "method"} <= set(checker.ids)
    gone = {"layers", "throughput", "training", "confusion", "examples", "photographs", "written"}
    assert not gone & set(checker.ids)


def test_the_four_metrics_of_an_old_submission_are_enough() -> None:
    bare = {"parameter_count": 283, "model_size_mb": 0.001, "accuracy": 0.5, "latency_ms_mean": 1.0}
    run = full_run()
    run.models = [ModelRun("m", "M", "", [Variant("baseline", "Baseline", bare)])]
    check(page(run))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_any_magnitude_draws(scale: float) -> None:
    run = full_run()
    for model in run.models:
        for variant in model.variants:
            for name in list(variant.metrics):
                if name.startswith("latency"):
                    variant.metrics[name] *= scale
            variant.throughput_curve = [[n, rate / scale] for n, rate in variant.throughput_curve]
    html = page(run)
    check(html)
    assert "nan" not in html.lower().replace("nanosecond", "")
    assert "inf" not in re.sub(r"[a-z]inf|inf[a-z]", "", html.lower())


def test_equal_variants_and_perfect_accuracy_draw() -> None:
    run = full_run()
    for model in run.models:
        for variant in model.variants:
            variant.metrics = metrics(1.0)
        model.training = Curves([0.0, 0.0], [0.0, 0.0], [1.0, 1.0], 0.0)
    check(page(run))


def test_names_cannot_become_markup() -> None:
    run = full_run()
    run.photographs = None
    assert run.written is not None
    run.written.prompt = "<b>"
    run.title = '<script>alert("x")</script>'
    run.models[0].variants[0].title = "<img src=http-x onerror=y>"
    run.notes = ["</style><b>"]
    checker = check(page(run))
    assert checker.tags.get("script", 0) == 0
    assert checker.tags.get("b", 0) == 4  # those of the example and of the prompt


def test_the_record_round_trips_and_is_checked(tmp_path: Path) -> None:
    run = full_run()
    run.save(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json") == run
    write_report(run, tmp_path / "report.html")
    check((tmp_path / "report.html").read_text("utf-8"))
    text = (tmp_path / "run.json").read_text()
    for old, new, place in [
        ('"seconds": 12.0', '"seconds": "long"', "$.seconds"),
        ('"fc1"', "7", "$.models[0].variants[0].layers[0].name"),
        ('"tinytorch-run"', '"other"', "not the record"),
        ('"version": 1', '"version": 2', "version"),
    ]:
        (tmp_path / "bad.json").write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=re.escape(place)):
            Run.load(tmp_path / "bad.json")
