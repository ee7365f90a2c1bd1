"""Running a check on an answer, and what is said of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# The first part of an exercise's name tells the notebook.
_MODULES = {
    "00": "quickstart",
    "01": "capstone",
    "02": "optimise",
    "03": "images",
    "04": "language",
    "05": "challenge",
    "06": "systems",
}


class Wrong(Exception):
    """The answer is not right; the text is a hint."""


class Open(Exception):
    """There is no answer yet."""


@dataclass(frozen=True)
class Verdict:
    """`passed` is None while there is no answer; true in a condition only where it is right."""

    exercise: str
    passed: bool | None
    message: str

    def __bool__(self) -> bool:
        return self.passed is True

    def __repr__(self) -> str:
        word = {True: "passed", False: "not yet", None: "open"}[self.passed]
        return f"{self.exercise} {word}: {self.message}"


def exercises() -> list[str]:
    """The names of all exercises, in order."""
    return sorted(name for part in _MODULES for name in _checks(part))


def check(exercise: str, answer: Any) -> Verdict:
    """Try `answer` on inputs that the notebook does not show.

    Exceptions of the answer are part of the verdict. KeyError if there is no such exercise.
    """
    part = exercise.partition(".")[0]
    known = _checks(part) if part in _MODULES else {}
    if exercise not in known:
        raise KeyError(f"no exercise {exercise!r}; there are {', '.join(exercises())}")
    state = np.random.get_state()
    try:
        if answer is ... or answer is None:
            raise Open
        return Verdict(exercise, True, known[exercise](answer))
    except Open:
        return Verdict(exercise, None, "replace the ... by your answer and run the cell again")
    except Wrong as hint:
        return Verdict(exercise, False, str(hint))
    except Exception as error:  # whatever the answer raises
        return Verdict(exercise, False, f"it raised {type(error).__name__}: {error}")
    finally:
        np.random.set_state(state)


def _checks(part: str) -> dict[str, Callable[[Any], str]]:
    module = importlib.import_module(f".{_MODULES[part]}", __package__)
    checks: dict[str, Callable[[Any], str]] = module.CHECKS
    return checks


def require(condition: Any, hint: str) -> None:
    """Wrong(hint) unless the condition holds."""
    if not condition:
        raise Wrong(hint)


def call(function: Any, *arguments: Any) -> Any:
    """The function's result for the arguments; Open while its body is only `...`."""
    require(callable(function), "the answer must be a function")
    result = function(*arguments)
    if result is None or result is ...:
        raise Open
    return result


def require_close(got: Any, expected: Any, what: str, tolerance: float = 1e-5) -> None:
    """Wrong unless both have one shape and agree within `tolerance`, relative to the largest."""
    expected = np.asarray(expected, np.float64)
    got = np.asarray(getattr(got, "data", got) if not isinstance(got, np.ndarray) else got)
    require(got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}")
    require(np.isfinite(got.astype(np.float64)).all(), f"{what}: not finite")
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-12)
    error = float(np.abs(got - expected).max(initial=0.0))
    require(error <= tolerance * scale, f"{what}: off by up to {error:.3g}")
