"""The determinism contract (docs/guide/determinism.md): equal bits for any number of threads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tinytorch import engine

F = engine.ops

SCRIPT = """
import hashlib, json
import numpy as np
import tinytorch
from tinytorch import Tensor, engine
from tinytorch.core.autograd import no_grad
F = engine.ops
G = engine.Generator(7)
hashes = {}

def note(name, *tensors):
    digest = hashlib.sha256()
    for t in tensors:
        digest.update(np.ascontiguousarray(getattr(t, "data", t)).tobytes())
    hashes[name] = digest.hexdigest()

def leaf(*shape):
    t = G.normal(shape)
    t.requires_grad = True
    return t

a, b = G.normal((301, 517)), G.normal((517, 263))
note("gemm", a @ b)
note("gemm_float64", F.matmul(F.astype(a, "float64"), F.astype(b, "float64")))
note("gemm_batched", G.normal((37, 33, 65)) @ G.normal((65, 17)))
note("uniform", G.uniform(100_003))
note("normal", G.normal(100_003))
note("permutation", G.permutation(10_007))

x, w, bias = leaf(9, 6, 31, 29), leaf(8, 3, 3, 3), leaf(8)
y = F.conv2d(x, w, bias, stride=2, padding=1, groups=2)
y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
note("conv", y, x.grad, w.grad, bias.grad)
for kernel, stride, rounded in ((3, 1, False), (3, 2, False), (1, 1, False), (3, 1, True)):
    images, w, gamma = leaf(9, 32, 31, 29), leaf(64, 32, kernel, kernel), leaf(64)
    with tinytorch.autocast(enabled=rounded):
        y = F.conv2d(images, w, None, stride=stride, padding=1)
    z = F.max_pool2d(F.batch_norm(y, gamma, gamma, None, None, True, relu=True), 2)
    z.backward(np.cos(np.arange(z.size)).reshape(z.shape))
    results = (F.astype(y, "float32"), F.astype(z, "float32"), images.grad, w.grad, gamma.grad)
    note(f"conv of many channels {kernel} {stride} {rounded}", *results)
for stride, rounded in ((1, False), (2, True)):
    images, w = leaf(9, 48, 31, 29), leaf(48, 1, 3, 3)
    with tinytorch.autocast(enabled=rounded):
        y = F.conv2d(images, w, None, stride=stride, padding=1, groups=48)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    note(f"conv of single channels {stride}", F.astype(y, "float32"), images.grad, w.grad)

big = leaf(7, 1013, 57)
for axis in (None, 0, 1, 2, (0, 2)):
    for name in ("sum", "mean", "prod", "max", "min", "var", "std", "logsumexp"):
        big.zero_grad()
        out = getattr(F, name)(big, axis)
        out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
        note(f"{name} {axis}", out, big.grad)
note("cumsum", F.cumsum(big, 1))
for name in ("softmax", "log_softmax"):
    for axis in (0, 1, -1):
        big.zero_grad()
        out = getattr(F, name)(big, axis)
        out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
        note(f"{name} {axis}", out, big.grad)
for name in ("gelu", "tanh", "exp", "erf", "silu"):
    note(name, getattr(F, name)(big))

rows, gamma, beta = leaf(5003, 33), leaf(33), leaf(33)
for name, args in (("layer_norm", (gamma, beta)), ("rms_norm", (gamma,))):
    for t in (rows, gamma, beta):
        t.zero_grad()
    out = getattr(F, name)(rows, *args)
    out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
    note(name, out, rows.grad, gamma.grad)
table = leaf(50, 40)
out = F.embedding(table, engine.tensor(np.arange(9000) % 50, "int64"))
out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
note("embedding", out, table.grad)
q, k, v = leaf(2, 4, 67, 32), leaf(2, 4, 67, 32), leaf(2, 4, 67, 32)
out = F.scaled_dot_product_attention(q, k, v, causal=True)
out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
note("attention", out, q.grad, k.grad, v.grad)
pooled = F.avg_pool2d(F.max_pool2d(x, 2), 3, 1)
note("pooling", pooled)

params = [leaf(64, 300), leaf(300), leaf(300, 10), leaf(10)]
data = G.normal((512, 64))
labels = engine.tensor(np.arange(512) % 10, "int64")
for step in range(4):
    for p in params:
        p.zero_grad()
    hidden = F.dropout(F.relu(F.linear(data, params[0], params[1])), 0.1, G)
    loss = F.cross_entropy(F.linear(hidden, params[2], params[3]), labels)
    loss.backward()
    for p in params:
        p.data = p.data - np.float32(0.1) * p.grad
note("training", *params, loss)
print(json.dumps(hashes))
"""


@lru_cache
def hashes(threads: int, isa: str | None = None) -> dict[str, str]:
    environment = os.environ | {"TINYTORCH_NUM_THREADS": str(threads)}
    if isa:
        environment["TINYTORCH_ISA"] = isa
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_any_number_of_threads_gives_the_same_bits(threads: int) -> None:
    one, many = hashes(1), hashes(threads)
    different = [name for name in one if one[name] != many[name]]
    assert not different
    assert len(one) > 50


def test_random_numbers_are_the_same_on_every_instruction_set() -> None:
    here = hashes(1)
    for isa in engine.supported_isas():
        there = hashes(2, isa)
        for name in ("uniform", "permutation", "normal"):
            assert here[name] == there[name]


def test_random_streams_are_what_they_were() -> None:
    """Philox4x32-10 in the order that rng.hpp states; a change here breaks resumed runs."""
    g = engine.Generator(42)
    np.testing.assert_array_equal(
        g.uniform(4).data,
        np.array(philox(42, 0), np.uint64).astype(np.uint32) // 256 / np.float32(2**24),
    )
    assert g.position == 1
    assert g.permutation(1).tolist() == [0]


def philox(seed: int, counter: int) -> list[int]:
    """Salmon et al. 2011, in plain Python."""
    x = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [p1 >> 32 ^ x[1] ^ k[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ x[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x


def test_a_position_resumes_a_stream() -> None:
    g = engine.Generator(3)
    g.uniform(10)
    place = g.position
    rest = g.normal(7).data
    again = engine.Generator(3)
    again.position = place
    np.testing.assert_array_equal(again.normal(7).data, rest)


def test_the_default_generator_is_seeded_by_manual_seed() -> None:
    x = engine.tensor(np.ones(100))
    engine.manual_seed(5)
    first = F.dropout(x, 0.5).data
    second = F.dropout(x, 0.5).data
    engine.manual_seed(5)
    np.testing.assert_array_equal(F.dropout(x, 0.5).data, first)
    assert (first != second).any()


@pytest.mark.parametrize("k", [1, 7, 64, 384, 385, 1000])
@pytest.mark.parametrize("n", [1, 3, 16, 33, 200])
def test_a_row_does_not_depend_on_its_batch(k: int, n: int) -> None:
    g = engine.Generator(1)
    x, w, bias = g.normal((67, k)), g.normal((k, n)), g.normal(n)
    whole = F.linear(x, w, bias).data
    for rows in ([0], [66], [3, 4], list(range(10, 40))):
        np.testing.assert_array_equal(F.linear(x[rows], w, bias).data, whole[rows])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.softmax(x),
        lambda x: F.log_softmax(x),
        lambda x: F.layer_norm(x),
        lambda x: F.rms_norm(x),
        lambda x: F.gelu(x),
        lambda x: F.tanh(x),
        lambda x: F.sum(x, 1, True),
        lambda x: F.logsumexp(x, 1, True),
    ],
)
@pytest.mark.parametrize("width", [1, 5, 16, 67, 1025])
def test_rows_of_other_operators_do_not_depend_on_their_batch(function, width: int) -> None:
    x = engine.Generator(2).normal((40, width))
    whole = function(x).data
    for rows in ([0], [39], [5, 6, 7]):
        np.testing.assert_array_equal(function(x[rows]).data, whole[rows])


def test_images_do_not_depend_on_their_batch() -> None:
    g = engine.Generator(3)
    x, w = g.normal((9, 3, 17, 19)), g.normal((8, 3, 3, 3))
    whole = F.conv2d(x, w, padding=1).data
    for rows in ([0], [8], [2, 3]):
        np.testing.assert_array_equal(F.conv2d(x[rows], w, padding=1).data, whole[rows])


ACROSS = """
import json, sys
import numpy as np
from tinytorch import engine
F = engine.ops
G = engine.Generator(11)
x, w = G.normal((40, 700)), G.normal((700, 50))
out = {
    "linear": F.linear(x, w), "softmax": F.softmax(x), "gelu": F.gelu(x), "tanh": F.tanh(x),
    "exp": F.exp(x), "layer_norm": F.layer_norm(x), "sum": F.sum(x, 1),
    "logsumexp": F.logsumexp(x, 1),
}
np.savez(sys.argv[1], **{name: t.data for name, t in out.items()})
"""


def test_float_results_across_instruction_sets_stay_within_bounds(tmp_path) -> None:
    """Bounds in units of 2^-23 of the largest element; 700 terms where values are added up."""
    bounds = {"linear": 700, "sum": 700, "layer_norm": 32, "logsumexp": 8}
    found = {}
    for isa in engine.supported_isas():
        path = tmp_path / f"{isa}.npz"
        subprocess.run(
            [sys.executable, "-c", ACROSS, path],
            check=True,
            env=os.environ | {"TINYTORCH_ISA": isa},
        )
        found[isa] = np.load(path)
    first = found["baseline"]
    for isa, arrays in found.items():
        for name in first.files:
            a, b = first[name].astype(np.float64), arrays[name].astype(np.float64)
            assert np.abs(a - b).max() <= bounds.get(name, 8) * 2.0**-23 * np.abs(a).max(), (
                isa,
                name,
            )


def test_every_clause_names_tests_that_exist() -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "guide" / "determinism.md").read_text()
    clauses = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert len(clauses) >= 7
    for clause in clauses:
        held_by = clause.split("|")[3]
        python = re.findall(r"`(tests/\S+)::(\w+)`", held_by)
        native = re.findall(r'`(cpp/tests/\S+)` "([^"]+)"(?: and "([^"]+)")?', held_by)
        assert python or native, clause
        for file, name in python:
            assert f"def {name}(" in (root / file).read_text()
        for file, *names in native:
            for name in filter(None, names):
                assert f'"{name}"' in (root / file).read_text()
