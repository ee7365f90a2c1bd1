"""Ctrl-C during an update of many arrays leaves all of them old or all of them new.

A timer raises KeyboardInterrupt at drawn moments of an endless loop of updates. All elements go
through the same values, so that any two that differ betray an update that was cut in two.
"""

import subprocess
import sys
import textwrap

import pytest

COMMON = """
import random, signal, sys
import numpy as np
from tinytorch import SGD, Adam, AdamW, Linear, Tensor

def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
random.seed(5)

def interrupted(update, longest):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, longest))
        while True:
            update()
    except KeyboardInterrupt:
        pass

def only(arrays):
    low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
    assert low == high, f"values from {low} to {high}"
    return low
"""

STEPS = """
makers = {
    "momentum": lambda p: SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: Adam(p, lr=0.01),
    "adamw": lambda p: AdamW(p, lr=0.01),
}
make = makers[sys.argv[1]]

def optimizer(*sizes):
    params = [Tensor(np.ones(n), requires_grad=True) for n in sizes]
    for p in params:
        p.grad = np.full(p.shape, 0.5, np.float32)
    return make(params)

def state(optimizer):
    found = [only([p.data for p in optimizer.params])]
    for name in optimizer._buffers:
        arrays = [np.zeros(1) if a is None else a for a in getattr(optimizer, name)]
        found.append(only(arrays))
    return found

tested = optimizer(300_000, 3, 500_000, 200_000)
expected = optimizer(1)
for _ in range(40):
    interrupted(tested.step, 0.02)
    while expected.step_count < tested.step_count:
        expected.step()
    assert state(tested) == state(expected), tested.step_count
print(tested.step_count)
"""

STATES = """
from tinytorch.core.layers import Sequential

model = Sequential(*[Linear(200, 200) for _ in range(12)])
names = model.state_dict()
states = [{name: np.full_like(a, k) for name, a in names.items()} for k in (0, 1)]
optimizer = Adam(model.parameters())
kept = optimizer.state_dict()
for array in ("m_buffers", "v_buffers"):
    kept[array] = [np.zeros(p.shape) for p in model.parameters()]
moments = [
    {**kept, "lr": k, "step_count": k}
    | {name: [a + k for a in kept[name]] for name in ("m_buffers", "v_buffers")}
    for k in (0, 1)
]
model.load_state_dict(states[0])
optimizer.load_state_dict(moments[0])

def load():
    for k in (1, 0):
        model.load_state_dict(states[k])
        optimizer.load_state_dict(moments[k])

seen = set()
for _ in range(300):
    interrupted(load, 0.004)
    seen.add(only([p.data for p in model.parameters()]))
    arrays = [np.asarray(x) for x in (optimizer.lr, optimizer.step_count)]
    only(arrays + optimizer.m_buffers + optimizer.v_buffers)
print(len(seen))
"""


def output_of(script: str, *arguments: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMON + script), *arguments],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.parametrize("name", ["momentum", "adam", "adamw"])
def test_optimizer_steps(name: str) -> None:
    assert output_of(STEPS, name) > 0


def test_load_state_dict() -> None:
    assert output_of(STATES) == 2
