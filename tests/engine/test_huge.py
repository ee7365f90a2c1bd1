"""Views of 2**49 and more elements, which cost nothing to make.

Every operator refuses them at once, or works on and can be interrupted.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tinytorch import _core

SHAPES = [(2**50,), (2**25, 2**25), (2, 2**16, 2**16, 2**16), (2**48, 2), (2, 2**48)]

# An alarm rings every 50 ms; an operator that never looks is ended by the watchdog: a failure.
SCRIPT = """
import faulthandler, json, signal, sys
from tinytorch import Tensor, engine

class Alarm(Exception):
    pass

def ring(*_):
    raise Alarm

signal.signal(signal.SIGALRM, ring)
names, shapes = json.load(sys.stdin)
registry = engine._core.operator_registry()
one = engine.ops.astype(Tensor(1.0), sys.argv[1])
plain = {
    "axis": 0, "dim0": 0, "dim1": 0, "stride": 1, "padding": 0, "dilation": 1, "groups": 1,
    "kernel_size": 2, "output_size": (1, 1), "shape": (-1,), "dtype": "float64", "axes": (0,),
    "key": slice(None, None, 2), "widths": [(1, 1)], "size_or_sections": 2, "generator": None,
}
products = {1: "i,i->", 2: "ij,jk->", 4: "abcd,abcd->"}

def arguments(name, shape):
    x = engine.ops.expand(one, shape)
    for word in registry[name]["signature"].split(","):
        word, _, default = word.strip().partition("=")
        if default:
            return
        if word == "equation":
            yield products[len(shape)]
        else:
            yield [x, x] if word == "tensors" else plain.get(word, x)

for name in names:
    for shape in shapes:
        args = list(arguments(name, tuple(shape)))
        faulthandler.dump_traceback_later(20, exit=True)
        print(name, shape, flush=True)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            getattr(engine.ops, name)(*args)
        except (Alarm, MemoryError, ValueError, TypeError, IndexError, RuntimeError):
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "bool"])
def test_every_operator(dtype: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, dtype],
        input=json.dumps([list(_core.operator_registry()), SHAPES]),
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert run.stdout.endswith("done\n"), run.stdout[-200:] + run.stderr
