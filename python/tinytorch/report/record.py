"""What one run measured, as the report reads it: plain data, kept in run.json.

Every list may be empty and every optional part None; the report leaves out what is not there.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from dataclasses import dataclass, field
from typing import Any

from ..io import load_json, save_json

FORMAT = "tinytorch-run"
VERSION = 1


@dataclass
class LayerCost:
    """One layer of a model in one forward pass over one row."""

    name: str
    kind: str
    output: str  # shape, e.g. "16 x 8 x 8"
    parameters: int
    flops: int
    stored_bytes: int
    time_ms: float


@dataclass
class Variant:
    """A model in one form: as trained, quantized, pruned..."""

    key: str
    title: str
    metrics: dict[str, Any]  # as BenchmarkReport gives them
    techniques: list[str] = field(default_factory=list)
    description: str = ""
    throughput_curve: list[list[float]] = field(default_factory=list)  # [rows, samples per second]
    layers: list[LayerCost] = field(default_factory=list)
    confusion: list[list[int]] = field(default_factory=list)  # [true class][predicted class]
    file: str | None = None


@dataclass
class Curves:
    """One value per epoch."""

    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class ModelRun:
    """One model, all its variants (the first is the baseline), and how it was trained."""

    key: str
    title: str
    architecture: str
    variants: list[Variant]
    training: Curves | None = None
    fine_tuning: Curves | None = None
    target_accuracy: float | None = None


@dataclass
class Prediction:
    model: str  # key of the ModelRun
    label: str
    probability: float


@dataclass
class Example:
    """One test image: rows of grey values, 0 (paper) to 255 (ink)."""

    index: int
    pixels: list[list[int]]
    label: str
    predictions: list[Prediction]


@dataclass
class Photograph:
    """One image of CIFAR10Sample, by its number there."""

    index: int
    label: str
    said: str
    probability: float


@dataclass
class Photographs:
    """What a shipped model says of the photographs that come with the package."""

    model: str
    file_bytes: int
    count: int
    right: int
    latency_us: float  # median of one image
    images_per_s: float
    shown: list[Photograph]


@dataclass
class WrittenText:
    """What a shipped language model wrote."""

    model: str
    file_bytes: int
    prompt: str
    text: str
    tokens: int
    tokens_per_s: float
    first_token_ms: float


@dataclass
class DataInfo:
    name: str
    source: str
    train_count: int
    test_count: int
    classes: list[str]


@dataclass
class Run:
    title: str
    command: str
    started: str  # ISO 8601
    seconds: float
    system_info: dict[str, Any]
    models: list[ModelRun]
    data: DataInfo | None = None
    examples: list[Example] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    photographs: Photographs | None = None
    written: WrittenText | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write run.json, atomically."""
        save_json(
            path, {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}, indent=1
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read run.json. ValueError names the place that is not as it must be."""
        document = load_json(path)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"{os.fspath(path)} is not the record of a run of tinytorch")
        if document.get("version") != VERSION:
            raise ValueError(
                f"{os.fspath(path)} has version {document.get('version')!r}, this is {VERSION}"
            )
        body = {key: value for key, value in document.items() if key not in ("format", "version")}
        try:
            run: Run = _read(cls, body, "$")
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None
        return run


def from_submission(submission: dict[str, Any], name: str) -> Run:
    """The run that a validated submission tells of: one model, one or two variants."""
    parts = [("baseline", "Baseline"), ("optimized", "Optimized")]
    variants = [
        Variant(
            key=key,
            title=title,
            metrics=submission[key]["metrics"],
            techniques=submission[key].get("techniques_applied", []),
            description=submission[key]["model_name"],
        )
        for key, title in parts
        if key in submission
    ]
    student = submission.get("student_name")
    model = ModelRun("submission", submission["baseline"]["model_name"], "", variants)
    return Run(
        title=f"Submission of {student}" if student else "Submission",
        command=f"tinytorch report {name}",
        started=submission["timestamp"],
        seconds=0.0,
        system_info=submission["system_info"],
        models=[model],
    )


def _read(kind: Any, value: Any, path: str) -> Any:
    """`value` as `kind`: a dataclass, list[...], X | None, dict, or a plain type."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(part for part in parts if part is not type(None))
        return None if value is None else _read(inner, value, path)
    if origin is list:
        _expect(isinstance(value, list), path, "a list")
        return [_read(parts[0], item, f"{path}[{i}]") for i, item in enumerate(value)]
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, value, path)
    if kind is float:
        _expect(isinstance(value, (int, float)) and not isinstance(value, bool), path, "a number")
        return float(value)
    expected = dict if origin is dict else kind
    right = isinstance(value, expected) and not (kind is int and isinstance(value, bool))
    _expect(right, path, expected.__name__)
    return value


def _read_fields(kind: Any, value: Any, path: str) -> Any:
    _expect(isinstance(value, dict), path, "an object")
    hints = typing.get_type_hints(kind)
    known: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if item.name in value:
            known[item.name] = _read(hints[item.name], value[item.name], f"{path}.{item.name}")
        else:
            has_default = (
                item.default is not dataclasses.MISSING
                or item.default_factory is not dataclasses.MISSING
            )
            _expect(has_default, f"{path}.{item.name}", "present")
    return kind(**known)


def _expect(condition: bool, path: str, what: str) -> None:
    if not condition:
        raise ValueError(f"{path} must be {what}")
