"""Inference sessions from Python: against PyTorch, and what they refuse."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tinytorch import Tensor, engine
from tinytorch.runtime import CnnSession

torch = pytest.importorskip("torch")
F = torch.nn.functional

NODES = [
    ("conv", "stem", 3, 16, 3, 1, 1),
    ("bn", "stem.bn", 16),
    ("relu",),
    ("push",),
    ("conv", "a", 16, 40, 3, 2, 1),
    ("bn", "a.bn", 40),
    ("relu",),
    ("conv", "b", 40, 40, 3, 1, 1, 40),
    ("conv", "c", 40, 40, 3, 1, 1),
    ("bn", "c.bn", 40),
    ("proj", [("conv", "p", 16, 40, 1, 2, 0), ("bn", "p.bn", 40)]),
    ("add",),
    ("relu",),
    ("maxpool", 2),
    ("gap",),
    ("linear", "fc", 40, 10),
]


def walk(nodes):
    for node in nodes:
        if node[0] == "proj":
            yield from walk(node[1])
        else:
            yield node


def weights_of(nodes, seed=0):
    r = np.random.default_rng(seed)
    w = {}
    for node in walk(nodes):
        if node[0] == "conv":
            groups = node[7] if len(node) == 8 else 1
            shape = (node[3], node[2] // groups, node[4], node[4])
            w[node[1] + ".w"] = r.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
        elif node[0] == "bn":
            for part in (".gamma", ".var"):
                w[node[1] + part] = r.uniform(0.5, 1.5, node[2])
            for part in (".beta", ".mean"):
                w[node[1] + part] = r.uniform(-0.5, 0.5, node[2])
        elif node[0] == "linear":
            w[node[1] + ".w"] = r.standard_normal((node[3], node[2])) * node[2] ** -0.5
            w[node[1] + ".b"] = r.standard_normal(node[3])
    return {k: v.astype(np.float32) for k, v in w.items()}


def reference(nodes, weights, x):
    w = {k: torch.tensor(v).double() for k, v in weights.items()}
    x, kept = torch.as_tensor(x).double(), []
    for kind, *rest in nodes:
        if kind == "conv":
            name, _, _, _, stride, padding, *groups = rest
            x = F.conv2d(x, w[name + ".w"], None, stride, padding, 1, *groups)
        elif kind == "bn":
            parts = (w[rest[0] + p] for p in (".mean", ".var", ".gamma", ".beta"))
            x = F.batch_norm(x, *parts)
        elif kind == "relu":
            x = F.relu(x)
        elif kind == "maxpool":
            x = F.max_pool2d(x, rest[0])
        elif kind == "gap":
            x = x.mean((2, 3))
        elif kind == "linear":
            x = F.linear(x, w[rest[0] + ".w"], w[rest[0] + ".b"])
        elif kind == "push":
            kept.append(x)
        elif kind == "proj":
            kept[-1] = torch.as_tensor(reference(rest[0], weights, kept[-1]))
        elif kind == "add":
            x = x + kept.pop()
    return x.numpy()


def images(n, size=16, seed=1):
    return np.random.default_rng(seed).standard_normal((n, 3, size, size), dtype=np.float32)


def session(batch=8, size=16, **options):
    return CnnSession(NODES, weights_of(NODES), input_shape=(3, size, size), batch=batch, **options)


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("size", [16, 20, 31])
def test_agrees_with_pytorch(batch, size):
    x = images(5, size)
    want = reference(NODES, weights_of(NODES), x)
    got = session(batch, size)(x)
    assert got.dtype == np.float32
    assert got.shape == (5, 10)
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize(("channels", "made", "groups"), [(3, 12, 3), (4, 16, 2), (4, 24, 4)])
def test_the_first_layer_may_be_grouped(channels, made, groups):
    nodes = [("conv", "stem", channels, made, 3, 1, 1, groups), ("gap",)]
    nodes.append(("linear", "fc", made, 10))
    weights = weights_of(nodes)
    x = np.random.default_rng(2).standard_normal((5, channels, 12, 12), dtype=np.float32)
    want = reference(nodes, weights, x)
    got = CnnSession(nodes, weights, input_shape=(channels, 12, 12), batch=8)(x)
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("size", [16, 15])
@pytest.mark.parametrize("turned", [False, True])
def test_norms_behind_pools_and_sums(size, turned):
    nodes = [
        ("conv", "a", 3, 16, 3, 1, 1),
        ("maxpool", 2),
        ("bn", "a.bn", 16),
        ("relu",),
        ("push",),
        ("conv", "b", 16, 16, 3, 1, 1),
        ("add",),
        ("bn", "b.bn", 16),
        ("maxpool", 2),
        ("relu",),
        ("gap",),
        ("linear", "fc", 16, 10),
    ]
    weights, x = weights_of(nodes), images(5, size)
    if turned:
        weights["a.bn.gamma"][3:5] *= -1
    want = reference(nodes, weights, x)
    made = CnnSession(nodes, weights, input_shape=(3, size, size), batch=8)
    assert np.abs(made(x) - want).max() < 1e-5 * np.abs(want).max()
    assert ("a.bn " in made.describe()) == turned
    assert "b.bn " in made.describe()
    exact = CnnSession(
        nodes, weights, input_shape=(3, size, size), batch=8, precision="int8", calibration=x
    )
    assert np.abs(exact(x) - want).mean() < 0.1 * np.abs(want - want.mean(axis=0)).mean()


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_ranges_make_the_same_int8_session_again(method):
    x = images(16)
    one = session(precision="int8", calibration=x, method=method)
    again = session(precision="int8", ranges=one.ranges)
    assert np.array_equal(one(x), again(x))
    assert again.ranges == one.ranges
    assert all(low <= 0 <= high for low, high in one.ranges)
    assert session().ranges == []
    if method != "minmax":
        widest = session(precision="int8", calibration=x).ranges
        assert all(b >= a for (_, a), (_, b) in zip(one.ranges, widest, strict=True))
        assert one.ranges != widest


def test_ranges_and_methods_are_checked():
    x = images(4)
    ranges = session(precision="int8", calibration=x).ranges
    for wrong in (ranges[1:], [*ranges[1:], (1.0, 0.0)], [*ranges[1:], (0.0, float("nan"))]):
        with pytest.raises(ValueError, match=r"ranges for|range \["):
            session(precision="int8", ranges=wrong)
    with pytest.raises(ValueError, match="minmax, percentile or mse"):
        session(precision="int8", calibration=x, method="median")


def test_takes_what_numpy_takes_and_gives_tensors_for_tensors():
    s, x = session(), images(4)
    want = s(x)
    assert np.array_equal(s(x.astype(np.float64)), want)
    assert np.array_equal(s(np.asfortranarray(x)), want)
    assert np.array_equal(s(np.repeat(x, 2, axis=0)[::2]), want)
    tensor = s(Tensor(x))
    assert isinstance(tensor, Tensor)
    assert np.array_equal(tensor.data, want)
    assert s(x[:0]).shape == (0, 10)


def test_equal_bits_for_any_batch_and_threads():
    s, x = session(), images(21)
    want, before = s(x), engine.num_threads()
    try:
        for threads in (1, 2, 5):
            engine.set_num_threads(threads)
            assert np.array_equal(s(x), want)
            assert np.array_equal(np.concatenate([s(x[i : i + 1]) for i in range(21)]), want)
    finally:
        engine.set_num_threads(before)


def test_calls_from_several_threads_take_turns():
    s, x = session(), images(9)
    want, wrong = s(x), []

    def work():
        wrong.extend(i for i in range(20) if not np.array_equal(s(x), want))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_weights_are_copied():
    w, x = weights_of(NODES), images(2)
    s = CnnSession(NODES, w, input_shape=(3, 16, 16))
    want = s(x)
    for v in w.values():
        v[...] = 7
    assert np.array_equal(s(x), want)


def test_describe_names_steps_and_what_is_joined():
    text = session(64).describe()
    for part in ("stem", "winograd 4x4 + norm", "+ residual + relu + max pool", "fc"):
        assert part in text


def test_refuses_what_does_not_fit():
    w = weights_of(NODES)

    def refuse(error, match, nodes=NODES, weights=w, **options):
        with pytest.raises(error, match=match):
            CnnSession(nodes, weights, **options)

    refuse(ValueError, "stem.w", weights={})
    refuse(ValueError, "unknown node 'gelu'", nodes=[("gelu",)])
    refuse(ValueError, "'conv'", nodes=[("conv", "stem")])
    refuse(TypeError, "list of tuples", nodes=[("proj", 5)])
    refuse(TypeError, "tuple", nodes=["relu"])
    refuse(ValueError, "without", nodes=[("add",), ("gap",)])
    refuse(ValueError, "batch", batch=0)
    refuse(ValueError, "input_shape", input_shape=(3, 32))
    refuse(ValueError, "stem", input_shape=(4, 32, 32))
    refuse(ValueError, "weight of shape", weights={**w, "a.w": np.ones((3, 3), np.float32)})
    refuse(ValueError, "groups", nodes=[("conv", "stem", 3, 16, 3, 1, 1, 0), ("gap",)])
    endless: list = []
    endless.append(("proj", endless))
    refuse(RecursionError, "list of nodes", nodes=endless)


@pytest.mark.parametrize("shape", [(2, 3, 16, 15), (3, 16, 16), (2, 4, 16, 16), ()])
def test_refuses_images_of_other_shapes(shape):
    with pytest.raises(ValueError, match=r"\(n, 3, 16, 16\)"):
        session()(np.zeros(shape, np.float32))


def test_refuses_images_that_are_no_floats():
    with pytest.raises(TypeError, match="floats"):
        session()(np.zeros((2, 3, 16, 16), np.uint8))


def test_int8_is_near_pytorch_and_independent_of_batch_and_threads():
    x = images(21)
    s = session(precision="int8", calibration=x)
    want = reference(NODES, weights_of(NODES), x)
    got, before = s(x), engine.num_threads()
    assert np.abs(got - want).max() < 0.05 * np.abs(want).max()
    assert "int8" in s.describe()
    try:
        for threads in (1, 3):
            engine.set_num_threads(threads)
            assert np.array_equal(s(x), got)
            assert np.array_equal(np.concatenate([s(x[i : i + 1]) for i in range(21)]), got)
    finally:
        engine.set_num_threads(before)


def test_int8_gives_nan_for_images_that_hold_it():
    x = images(3)
    s = session(precision="int8", calibration=x)
    x[1, 2, 3, 4] = np.inf
    assert np.isnan(s(x)).all(axis=1).tolist() == [False, True, False]


def test_int8_refusals():
    with pytest.raises(ValueError, match="calibration"):
        session(precision="int8")
    with pytest.raises(ValueError, match="f32 or int8"):
        session(precision="int4")
    with pytest.raises(ValueError, match="calibration images"):
        session(precision="int8", calibration=images(2, 17))
    with pytest.raises(ValueError, match="remove NaN"):
        session(precision="int8", calibration=np.full((1, 3, 16, 16), np.nan, np.float32))
