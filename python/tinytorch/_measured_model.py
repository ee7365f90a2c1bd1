"""Any object with `forward`, as the capstone measures it: rows, classes, parameters, bytes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from .core._module import Layer, set_training
from .core.tensor import Tensor

BYTES_PER_FLOAT32 = 4


class MeasuredModel:
    """Adapter of one model and one set of test data.

    X is a `Tensor` or ndarray of shape (N, ...), N >= 1; anything else with `shape` and slicing is
    passed on as it is, in batches of at most N rows. An ndarray reaches a model whose parameters
    are Tensors as a Tensor.
    """

    def __init__(self, model: Any, X: Any) -> None:
        self.model = model
        self.forward = _forward_of(model)
        if isinstance(X, (list, tuple)):
            X = np.asarray(X)
        if isinstance(X, np.ndarray) and any(isinstance(p, Tensor) for p in _parameters(model)):
            X = Tensor(X)
        shape = tuple(getattr(X, "shape", ()))
        if not shape or shape[0] < 1:
            raise ValueError(f"X_test must have shape (N, ...) with N >= 1, got {shape}")
        self.X = X
        self.count = int(shape[0])

    def rows(self, n: int) -> Any:
        """The first n rows, starting again from the first where n > N."""
        if n <= self.count:
            return self.X[:n]
        indices = np.arange(n) % self.count
        if isinstance(self.X, Tensor):
            return Tensor(np.take(self.X.data, indices, axis=0))
        if isinstance(self.X, np.ndarray):
            return np.take(self.X, indices, axis=0)
        raise ValueError(f"only {self.count} rows of {type(self.X).__name__} are there")

    def classes(self, _: None = None) -> np.ndarray:
        """argmax over axis 1 of one forward pass over X, int64 (N,); -1 for rows that hold NaN."""
        scores = _as_array(self.forward(self.X))
        if scores.ndim != 2 or scores.shape[0] != self.count or scores.shape[1] < 1:
            raise ValueError(
                f"forward must return scores of shape ({self.count}, classes), got {scores.shape}"
            )
        if scores.dtype.kind not in "biuf":
            raise TypeError(f"forward must return numbers, got dtype {scores.dtype}")
        classes: np.ndarray = scores.argmax(axis=1).astype(np.int64)
        if scores.dtype.kind == "f":
            classes[np.isnan(scores).any(axis=1)] = -1
        return classes

    def count_parameters(self) -> int:
        """The model's own count, else the Profiler's.

        Int8 and sparse layers compute with weights that are no trainable parameters: where the
        count is that of `parameters()` alone, theirs are added.
        """
        count = getattr(self.model, "count_parameters", None)
        if callable(count):
            total = operator.index(count())
        else:
            try:
                from .perf.profiling import Profiler
            except ImportError as error:
                raise ImportError(
                    "tinytorch.perf.profiling is missing, which counts the parameters of a model "
                    "without count_parameters(); give the model that method"
                ) from error
            total = Profiler().count_parameters(self.model)
        trainable = {id(p): p for p in _parameters(self.model)}
        if total != sum(map(_size, trainable.values())):
            return total
        untrained = [p for p in _outermost_stored_parts(self.model) if not _parameters(p)]
        counts = (getattr(part, "count_parameters", None) for part in untrained)
        return total + sum(operator.index(c()) for c in counts if callable(c))

    def stored_size(self) -> tuple[int, str]:
        """Bytes of the weights as they are stored, and where the figure comes from.

        - "stored_bytes": the model's own `stored_bytes()`; or those of its parts, and the bytes of
          the parameters that belong to no such part
        - "parameter_dtypes": the parameters' own sizes, where one is no float32
        - "float32_parameters": 4 bytes per parameter
        """
        own = _stored_bytes(self.model)
        if own is not None:
            return own, "stored_bytes"
        total, found = 0, False
        covered: dict[int, Any] = {}  # by identity; holds them, so that no id is used again
        for part in _outermost_stored_parts(self.model):
            total += _stored_bytes(part) or 0
            covered.update((id(p), p) for p in _parameters(part))
            found = True
        rest = {id(p): p for p in _parameters(self.model) if id(p) not in covered}
        if found:
            return total + sum(map(_dense_bytes, rest.values())), "stored_bytes"
        if any(_dense_bytes(p) != BYTES_PER_FLOAT32 * _size(p) for p in rest.values()):
            return sum(map(_dense_bytes, rest.values())), "parameter_dtypes"
        return BYTES_PER_FLOAT32 * self.count_parameters(), "float32_parameters"

    @contextmanager
    def inference_mode(self) -> Iterator[None]:
        """Dropout and batch statistics off, where the model has PyTorch's train() and eval()."""
        model = self.model
        switches = all(callable(getattr(model, name, None)) for name in ("eval", "train"))
        if not (switches and getattr(model, "training", None) is True):
            yield
            return
        _set_mode(model, False)
        try:
            yield
        finally:
            _set_mode(model, True)


def _set_mode(model: Any, training: bool) -> None:
    if isinstance(model, Layer):
        set_training(model, training)
    elif training:
        model.train()
    else:
        model.eval()


def class_labels(y: Any) -> np.ndarray:
    """int64 (N,) of class indices given as a Tensor, ndarray or list of shape (N,) or (N, 1)."""
    labels = _as_array(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y_test must hold one class index per row, (N,), got {labels.shape}")
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"y_test must hold class indices, got dtype {labels.dtype}")
    whole = np.ascontiguousarray(labels.astype(np.int64))
    if not np.array_equal(whole, labels):
        raise ValueError("y_test must hold whole numbers (class indices)")
    return whole


def _forward_of(model: Any) -> Callable[[Any], Any]:
    forward: Callable[[Any], Any] | None = getattr(model, "forward", None)
    if callable(forward):
        return forward
    if callable(model):
        called: Callable[[Any], Any] = model
        return called
    raise TypeError(f"{type(model).__name__} is no model: it has no forward(x)")


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.data
    elif not isinstance(value, np.ndarray) and callable(getattr(value, "detach", None)):
        value = value.detach()  # a torch tensor that requires gradients
    return np.asarray(value)


def _parameters(model: Any) -> list[Any]:
    parameters = getattr(model, "parameters", None)
    return list(parameters()) if callable(parameters) else []


def _size(parameter: Any) -> int:
    return int(np.prod(tuple(parameter.shape)))


def _dense_bytes(parameter: Any) -> int:
    if isinstance(parameter, Tensor):
        return BYTES_PER_FLOAT32 * _size(parameter)
    return int(getattr(parameter, "nbytes", BYTES_PER_FLOAT32 * _size(parameter)))


def _stored_bytes(part: Any) -> int | None:
    stored = getattr(part, "stored_bytes", None)
    if stored is None:
        return None
    return operator.index(stored() if callable(stored) else stored)


def _outermost_stored_parts(model: Any) -> Iterator[Any]:
    """Parts of the model, at any depth, that say how many bytes they store; not what is inside."""
    seen = {id(model)}
    stack = _values(model)
    while stack:
        value = stack.pop()
        if id(value) in seen or isinstance(value, (Tensor, np.ndarray, type, ModuleType)):
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple)):
            stack.extend(value)
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif getattr(value, "stored_bytes", None) is not None:
            yield value
        elif callable(getattr(value, "parameters", None)):
            stack.extend(_values(value))


def _values(part: Any) -> list[Any]:
    values = list(getattr(part, "__dict__", {}).values())
    return [*values, getattr(part, "layers", ())]
