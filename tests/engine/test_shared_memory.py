"""Memory shared with NumPy and, through DLPack, with PyTorch; and results that behave as copies."""

from __future__ import annotations

import gc
import os
import weakref

import numpy as np
import pytest

from tinytorch import Tensor, engine
from tinytorch.core.autograd import no_grad

F = engine.ops
REQUIRE_TORCH = os.environ.get("TINYTORCH_REQUIRE_TORCH") == "1"
try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(
    torch is None and not REQUIRE_TORCH, reason="PyTorch is not installed"
)

TYPES = ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"]


# ---- .data (contract 3.3) ------------------------------------------------------------------------


def test_data_is_one_writable_array() -> None:
    t = Tensor([[1, 2], [3, 4]])
    assert t.data is t.data
    assert t.data is t.numpy()
    assert type(t.data) is np.ndarray
    assert t.data.dtype == np.float32
    assert t.data.flags["WRITEABLE"]
    assert t.data.flags["C_CONTIGUOUS"]
    t.data[0, 0] = 9
    t.data[t.data == 4] = 8
    t.data += 1
    np.testing.assert_array_equal((t * 1).data, [[10, 3], [4, 9]])


def test_assigning_data_replaces_the_memory() -> None:
    t = Tensor([1.0, 2.0])
    old = t.data
    fresh = np.array([[5.0, 6.0, 7.0]])
    t.data = fresh
    np.testing.assert_array_equal(old, [1, 2])
    assert t.shape == (1, 3)
    assert t.size == 3
    assert t.data is t.data
    t.data[0, 0] = 1
    np.testing.assert_array_equal((t * 1).data, [[1, 6, 7]])
    assert (t * 1).data.dtype == np.float32


def test_data_of_a_scalar_is_an_array() -> None:
    t = Tensor(2.5)
    assert t.data.shape == ()
    assert t.data.item() == float(t.data) == 2.5
    assert f"{t.data:.4f}" == "2.5000"
    assert np.array(t.data.data).shape == ()


def test_construction_copies() -> None:
    source = np.ones(3, np.float32)
    first = Tensor(source)
    second = Tensor(first.data)
    source[0] = first.data[1] = 5
    np.testing.assert_array_equal(second.data, [1, 1, 1])
    assert not np.shares_memory(first.data, second.data)


VIEWS = {
    "reshape": lambda t: t.reshape(-1),
    "reshape to itself": lambda t: t.reshape(2, 3),
    "transpose": lambda t: t.transpose(),
    "index": lambda t: t[0],
    "slice": lambda t: t[:],
    "ellipsis": lambda t: t[...],
    "mask": lambda t: t[np.ones((2, 3), bool)],
    "flip": lambda t: F.flip(t, 0),
    "expand": lambda t: F.expand(t, (2, 2, 3)),
    "squeeze": F.squeeze,
    "astype": lambda t: F.astype(t, "float32"),
    "split": lambda t: F.split(t, 1)[0],
    "dropout of nothing": lambda t: F.dropout(t, 0.0),
    "einsum": lambda t: F.einsum("ij,->ij", t, Tensor(1.0)),
    "detach": lambda t: t.detach(),
    "a view of a view": lambda t: t.reshape(3, 2).transpose()[0],
}


@pytest.mark.parametrize("made", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("looked_at", [False, True])
def test_views_behave_as_copies(made, looked_at: bool) -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3)) + 0  # the engine's own memory
    if looked_at:
        assert x.data is not None
    view = made(x)
    before = np.array(made(x).data)
    assert not np.shares_memory(x.data, view.data)
    x.data[...] = 7
    np.testing.assert_array_equal(view.data, before)
    view.data[...] = 8
    np.testing.assert_array_equal(x.data, np.full((2, 3), 7))


def test_writing_in_place_leaves_earlier_results_alone() -> None:
    x = Tensor([1.0, 2.0]) + 0
    view = x.reshape(2, 1)
    with no_grad():
        engine.fill_(x, 5.0)
    np.testing.assert_array_equal(view.data, [[1], [2]])
    engine.add_(view, Tensor(10.0))
    np.testing.assert_array_equal(x.data, [5, 5])


def test_gradients_do_not_alias() -> None:
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    seed = np.ones(2, np.float32)
    (a + b).backward(seed)
    a.grad += 5
    seed[...] = 7
    np.testing.assert_array_equal(b.grad, [1, 1])
    kept = a.grad
    (a + b).backward(np.ones(2))
    np.testing.assert_array_equal(kept, [6, 6])  # what was read stays as it was
    np.testing.assert_array_equal(a.grad, [7, 7])


# ---- NumPy both ways -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_from_numpy_shares(kind: str) -> None:
    a = np.arange(12).reshape(3, 4).astype(kind)
    t = engine.from_numpy(a)
    assert t.data is a
    assert t.dtype == a.dtype
    a[0, 0] = 1
    assert F.astype(t, "float64").data[0, 0] == 1
    engine.fill_(t, 1)
    assert (a == 1).all()


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[::-1],
        lambda a: a[:, ::2],
        lambda a: a[1:, 1:],
        lambda a: a[..., None],
        lambda a: a[:0],
        lambda a: np.lib.stride_tricks.as_strided(a, (3, 3), (0, 4)),
    ],
)
def test_from_numpy_takes_any_strides(view) -> None:
    a = view(np.arange(12, dtype=np.float32).reshape(3, 4))
    t = engine.from_numpy(a)
    assert t.data is a
    np.testing.assert_array_equal((t * 2).data, a * 2)
    np.testing.assert_allclose(t.sum().data, a.sum())


def test_what_cannot_be_shared_is_refused_but_can_be_copied() -> None:
    readonly = np.ones(3, np.float32)
    readonly.flags.writeable = False
    misaligned = np.frombuffer(bytearray(17), np.uint8)[1:].view(np.float32)
    for a in (readonly, misaligned, np.ones(3, ">f4"), np.broadcast_to(np.float32(1), (3,))):
        with pytest.raises(ValueError, match="cannot be shared"):
            engine.from_numpy(a)
        np.testing.assert_array_equal(engine.tensor(a).data, a)
        np.testing.assert_array_equal((Tensor([1.0]) + a).data, 1 + a.astype(np.float32))


def test_shared_memory_outlives_either_side() -> None:
    a = np.arange(100000, dtype=np.float32)
    t = engine.from_numpy(a)
    del a
    gc.collect()
    assert t.data[-1] == 99999
    array = (Tensor([1.0, 2.0]) * 3).data
    gc.collect()
    np.testing.assert_array_equal(array, [3, 6])

    class Owner(np.ndarray):
        pass

    owner = np.ones(5, np.float32).view(Owner)
    ended = weakref.ref(owner)
    t = engine.from_numpy(owner)
    view = t.reshape(5, 1)
    del owner, t
    gc.collect()
    assert view.shape == (5, 1)
    del view
    gc.collect()
    assert ended() is None


def test_numpy_functions_take_tensors() -> None:
    t = Tensor([[1.0, 2.0]])
    assert np.asarray(t) is t.data
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(t), t.data)
    np.testing.assert_array_equal(np.stack([t, t]).shape, (2, 1, 2))
    np.testing.assert_array_equal((np.ones(2) * t).data, [[1, 2]])
    assert isinstance(np.ones(2) * t, Tensor)
    np.testing.assert_array_equal(np.from_dlpack(t), t.data)


# ---- DLPack --------------------------------------------------------------------------------------


def test_torch_is_here_if_it_must_be() -> None:
    assert torch is not None or not REQUIRE_TORCH


@needs_torch
@pytest.mark.parametrize("kind", TYPES)
def test_from_torch_shares(kind: str) -> None:
    source = torch.arange(12).reshape(3, 4).to(getattr(torch, kind))
    t = engine.from_dlpack(source)
    assert str(t.dtype) == kind
    source[1, 2] = 0
    assert t.data[1, 2] == 0
    t.data[0, 0] = 1
    assert source[0, 0] == 1


@needs_torch
def test_from_torch_bfloat16() -> None:
    source = torch.tensor([1.0, 2.5, -3.0], dtype=torch.bfloat16)
    t = engine.from_dlpack(source)
    assert t.dtype == "bfloat16"
    source[0] = 7
    np.testing.assert_array_equal(F.astype(t, "float32").data, [7, 2.5, -3])


@needs_torch
def test_from_torch_takes_any_strides() -> None:
    source = torch.arange(24.0).reshape(2, 3, 4)
    for view in (source.permute(2, 0, 1), source[:, ::2], source[1:], source[0, 0, 0], source[:0]):
        t = engine.from_dlpack(view)
        np.testing.assert_array_equal((t * 1).data, view.numpy())
    np.testing.assert_array_equal(
        engine.from_dlpack(source.expand(2, 2, 3, 4)).data.shape, (2, 2, 3, 4)
    )


@needs_torch
def test_to_torch_shares() -> None:
    for t in (Tensor([[1.0, 2.0]]), Tensor([[1.0, 2.0]]) * 1, engine.tensor([[1, 2]], "int64")):
        out = torch.from_dlpack(t)
        out[0, 0] = 9
        assert t.data[0, 0] == 9
        t.data[0, 1] = 8
        assert out[0, 1] == 8


@needs_torch
def test_memory_taken_from_torch_stays_alive() -> None:
    t = engine.from_dlpack(torch.arange(100000.0))
    gc.collect()
    kept = t.reshape(100, 1000)
    del t
    gc.collect()
    assert kept.data[-1, -1] == 99999
    out = torch.from_dlpack(Tensor(np.arange(1000.0)) * 2)
    gc.collect()
    assert out[-1] == 1998


@needs_torch
def test_dlpack_refuses_what_it_cannot_share() -> None:
    with pytest.raises(TypeError, match="not supported"):
        engine.from_dlpack(torch.ones(2, dtype=torch.complex64))
    with pytest.raises((BufferError, RuntimeError)):
        engine.from_dlpack(torch.ones(2, requires_grad=True))


def test_a_capsule_is_taken_once() -> None:
    from tinytorch import _core

    capsule = np.ones(3, np.float32).__dlpack__()
    _core.from_dlpack_capsule(capsule)
    for used in (capsule, None, 3, object()):
        with pytest.raises((ValueError, TypeError)):
            _core.from_dlpack_capsule(used)


def test_read_only_memory_is_copied() -> None:
    class ReadOnly:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array

        def __dlpack__(self, **kwargs):
            try:
                return self.array.__dlpack__(max_version=(1, 0))
            except TypeError:  # NumPy 1 exports no read-only memory
                return self.array.copy().__dlpack__()

    a = np.ones(3, np.float32)
    a.flags.writeable = False
    t = engine.from_dlpack(ReadOnly(a))
    t.data[0] = 5
    assert a[0] == 1
