"""Calls everything public with junk, in a process that may die of it.

    junk_calls.py LOG SEED ROUNDS

The call that is about to be made stands on the last line of LOG.
"""

from __future__ import annotations

import faulthandler
import importlib
import inspect
import pkgutil
import random
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from junk_objects import OBJECTS

import tinytorch
from tinytorch import Tensor, _core

SECONDS = 60  # of one call, before it counts as hanging
MEMORY = 6 << 30  # bytes of addresses: what asks for more gets a MemoryError at once
# What does as it is told: measures or works for as many seconds as it is given, sets the threads.
LEFT_OUT = {"measure", "measure_limits", "best_time", "set_num_threads"}
SPECIAL = {"__call__", "__getitem__", "__setitem__", "__iter__", "__contains__", "__len__",
           "__add__", "__matmul__", "__mul__", "__setstate__", "__reduce__", "__deepcopy__",
           "__eq__", "__array__"}  # fmt: skip
JUNK: list[Callable[[], Any]] = [
    lambda: None, lambda: 0, lambda: -1, lambda: 1, lambda: 2, lambda: 3, lambda: 2**31,
    lambda: 2**63, lambda: -(2**63), lambda: 1e300, lambda: float("nan"), lambda: "",
    lambda: "relu", lambda: "f32", lambda: b"\0", list, lambda: [1, 2], lambda: (3, 4), dict,
    lambda: {"a": 1}, lambda: np.zeros((0, 3), np.float32), lambda: np.ones((2, 3), np.float32),
    lambda: np.ones((3, 2), np.int8), lambda: np.array([1, 2, 3]), lambda: np.array(["x"]),
    lambda: Tensor(np.ones((2, 3, 4, 4), np.float32)), lambda: Tensor(np.zeros(0, np.float32)),
    lambda: Tensor(np.ones((3, 3), np.float32)), lambda: np.ones((16, 16), np.float32),
    lambda: np.ones((2, 16, 16)).tolist(), lambda: np.ones((2, 3, 3, 3)), lambda: range(3),
    lambda: slice(None, None, -1), lambda: "int8", lambda: True, lambda: {"weight": np.ones(3)},
]  # fmt: skip


def public() -> Iterator[tuple[str, Any]]:
    """Functions and classes by name: those of the package's modules, then the engine's own."""
    for info in pkgutil.walk_packages(tinytorch.__path__, "tinytorch."):
        if info.name.endswith("__main__") or ".cli" in info.name or "._core" in info.name:
            continue
        module = importlib.import_module(info.name)
        for name, value in sorted(vars(module).items()):
            if getattr(value, "__module__", None) == info.name:
                yield f"{info.name}.{name}", value
    parts = [_core, *(v for _, v in inspect.getmembers(_core, inspect.ismodule))]
    for module in parts:
        for name, value in inspect.getmembers(module):
            yield f"{module.__name__}.{name}", value


def targets() -> dict[str, Callable[..., Any]]:
    found = {}
    for path, value in public():
        name = path.rpartition(".")[2]
        if callable(value) and not name.startswith("_") and name not in LEFT_OUT:
            found[path] = value
    return found


def attempt(log: TextIO, path: str, target: Callable[..., Any], r: random.Random, most: int) -> Any:
    arguments = [r.choice(JUNK)() for _ in range(r.randint(0, most))]
    log.write(f"{path}{tuple(arguments)!r}".replace("\n", " ")[:500] + "\n")
    log.flush()
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    return outcome(target, *arguments)


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns, or None where it refuses."""
    try:
        return call(*arguments)
    except SystemError:  # something below Python went wrong
        raise
    except Exception:
        return None


def attempt_methods(log: TextIO, path: str, made: Any, r: random.Random) -> None:
    for name in dir(made):
        # What a call is made of, too: iteration, items, operators.
        if name in LEFT_OUT or (name.startswith("_") and name not in SPECIAL):
            continue
        method = outcome(getattr, made, name)
        if callable(method):
            attempt(log, f"{path}().{name}", method, r, most=3)


def main() -> None:
    seed, rounds = int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.enable()
    with Path(sys.argv[1]).open("w", encoding="utf-8") as log:
        for path, target in targets().items():
            for number in range(rounds):
                r = random.Random(f"{seed} {path} {number}")
                made = attempt(log, path, target, r, most=4)
                if inspect.isclass(target) and made is not None:
                    attempt_methods(log, path, made, r)
        for kind, make in OBJECTS.items():
            for number in range(4 * rounds):
                r = random.Random(f"{seed} {kind} {number}")
                attempt_methods(log, kind, make(), r)
        log.write("done\n")


if __name__ == "__main__":
    main()
