"""Errors of tensors: the type and the words that callers match (contract 1.5), and what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinytorch import Tensor, _core, engine

F = engine.ops
A = Tensor(np.zeros((2, 3)))
TRACKED = Tensor(np.zeros(3), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: A.matmul(Tensor(np.zeros((2, 4)))),
            ValueError,
            "Inner dimensions must match: 3 ≠ 2",
        ),
        (
            lambda: A @ Tensor(np.zeros((5, 2, 4))),
            ValueError,
            r"Inner dimensions must match: 3 ≠ 2",
        ),
        (lambda: A.matmul(Tensor(np.zeros(4))), ValueError, ""),
        (lambda: A.matmul(np.zeros((3, 2))), TypeError, "Expected Tensor"),
        (lambda: A @ [1.0], TypeError, "Expected Tensor"),
        (
            lambda: F.matmul(Tensor(np.zeros((2, 1, 3))), Tensor(np.zeros((3, 3, 1)))),
            ValueError,
            "broadcast",
        ),
        (lambda: A.reshape(2, 2), ValueError, "Total elements must match: 6 ≠ 4"),
        (lambda: A.reshape(-1, -1), ValueError, "one unknown dimension"),
        (lambda: A.reshape(-2, 3), ValueError, "at least 0"),
        (lambda: A.reshape(4, -1), ValueError, "Total elements must match"),
        (lambda: A.transpose(0), ValueError, "Both dim0 and dim1 must be specified"),
        (lambda: A.transpose(0, 2), IndexError, "out of range"),
        (lambda: A + Tensor(np.zeros((2, 2))), ValueError, "broadcast"),
        (lambda: A - Tensor(np.zeros((4, 3))), ValueError, "broadcast"),
        (lambda: A * np.zeros(2), ValueError, "broadcast"),
        (lambda: A / [1.0, 2.0], ValueError, "broadcast"),
        (lambda: A + "text", TypeError, ""),
        (lambda: A + None, TypeError, ""),
        (lambda: A * 1j, TypeError, ""),
        (lambda: TRACKED.backward(), ValueError, "non-scalar"),
        (lambda: TRACKED.backward(np.zeros(2)), ValueError, "broadcast"),
        (lambda: Tensor([1.0, 2.0])[2], IndexError, ""),
        (lambda: Tensor([[1.0], [1.0, 2.0]]), ValueError, ""),
        (lambda: Tensor("abc"), ValueError, ""),
        (lambda: Tensor(1j), TypeError, "complex"),
        (lambda: Tensor(None), TypeError, ""),
        (lambda: Tensor(np.zeros((0, 3))).max(), ValueError, "no elements"),
        (lambda: F.max(A, axis=2), IndexError, "axis 2"),
        (lambda: F.sum(A, axis=(0, 0)), ValueError, "twice"),
        (lambda: F.sum(A, axis=1.5), TypeError, ""),
        (lambda: F.einsum("ij,jk->ik", A, A), ValueError, "sizes 3 and 2"),
        (lambda: F.einsum("ii,jk->ik", A, A), ValueError, "repeated"),
        (lambda: F.einsum("ij->ij", A, A), ValueError, "two operands"),
        (lambda: F.concat([]), ValueError, "at least one"),
        (lambda: F.concat([A, Tensor(np.zeros((2, 2)))]), ValueError, "equal shapes"),
        (lambda: F.stack([A, Tensor(np.zeros(3))]), ValueError, "equal shapes"),
        (lambda: F.concat(A), TypeError, "list of tensors"),
        (lambda: F.split(A, [1, 3], 1), ValueError, "add up to 4"),
        (lambda: F.split(A, 0), ValueError, "at least 1"),
        (lambda: F.pad(A, [(1, 1)]), ValueError, "one .before, after. pair per dimension"),
        (lambda: F.pad(A, [(0, 0), (-2, -2)]), ValueError, "cut away more"),
        (lambda: F.permute(A, (0, 0)), ValueError, "twice"),
        (lambda: F.expand(A, (2, 4)), ValueError, "broadcast"),
        (lambda: F.gather(A, 0, engine.tensor([[5, 0, 0]], "int64")), IndexError, "out of bounds"),
        (lambda: F.embedding(A, Tensor([2.0])), IndexError, "Index out of range"),
        (lambda: F.embedding(A, Tensor([-1.0])), IndexError, "Index out of range"),
        (lambda: F.embedding(A, Tensor([float("nan")])), IndexError, "finite"),
        (lambda: F.cross_entropy(A, Tensor([0.0, float("inf")])), IndexError, "finite"),
        (lambda: F.cross_entropy(A, Tensor([0.0, 3.0])), IndexError, "class index 3"),
        (lambda: F.cross_entropy(A, Tensor([0.0])), ValueError, "one class index per row"),
        (lambda: F.dropout(A, 1.5), ValueError, "Dropout probability"),
        (lambda: F.dropout(A, float("nan")), ValueError, "Dropout probability"),
        (lambda: F.conv2d(A, A), ValueError, "Expected 4D input"),
        (lambda: F.max_pool2d(A, 2), ValueError, "Expected 4D input"),
        (lambda: F.max_pool2d(Tensor(np.zeros((1, 1, 2, 2))), 0), ValueError, "at least 1"),
        (
            lambda: F.conv2d(Tensor(np.zeros((1, 3, 4, 4))), Tensor(np.zeros((2, 2, 1, 1)))),
            ValueError,
            "channels",
        ),
        (lambda: F.layer_norm(A, Tensor(np.zeros(2))), ValueError, r"\(3,\)"),
        (lambda: F.batch_norm(A, None, None, None, None, False), ValueError, "running"),
        (lambda: F.astype(A, "int16"), TypeError, "unknown dtype"),
        (
            lambda: F.scaled_dot_product_attention(TRACKED, TRACKED, TRACKED),
            ValueError,
            "length, width",
        ),
        (lambda: engine.from_numpy([1.0]), TypeError, "ndarray"),
        (lambda: engine.from_numpy(np.zeros(3, ">f4")), ValueError, "cannot be shared"),
        (lambda: engine.from_numpy(np.zeros(3, np.uint16)), (TypeError, ValueError), ""),
        (lambda: engine.from_dlpack(3), TypeError, "__dlpack__"),
        (lambda: engine.set_num_threads(0), ValueError, "between 1 and 256"),
        (lambda: engine.set_num_threads(257), ValueError, "between 1 and 256"),
        (lambda: Tensor([1.0, 2.0]).item(), ValueError, "one element"),
        (lambda: engine.Generator().below(0), ValueError, "at least 1"),
    ],
)
def test_error(call: Callable, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text or None):
        call()


def test_a_tensor_that_was_never_initialised_says_so() -> None:
    class Broken(Tensor):
        def __init__(self) -> None:
            pass

    broken = Broken()
    for use in (
        lambda: broken.data,
        lambda: broken.shape,
        lambda: broken + 1,
        lambda: 1.0 + broken,
        lambda: A * broken,
        lambda: broken[0],
        lambda: len(broken),
        lambda: F.relu(broken),
        lambda: F.concat([broken]),
        lambda: F.where(broken, A, A),
        lambda: broken.backward(),
        lambda: engine.fill_(broken, 0.0),
        lambda: repr(broken),
    ):
        with pytest.raises(RuntimeError, match="never initialised"):
            use()


def test_requires_grad_of_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="floating-point"):
        engine.tensor([1], "int64", requires_grad=True)


def test_names_that_a_tensor_must_not_have() -> None:
    for name in ("parameters", "layers", "weight", "bias", "forward", "evaluate", "predict"):
        assert not hasattr(Tensor(1.0), name)
    a, b = Tensor(1.0), Tensor(1.0)
    assert a != b
    assert a == a
    assert len({a, b}) == 2
    assert bool(Tensor(0.0))


def test_memory_that_does_not_exist_is_a_memory_error() -> None:
    one = Tensor(np.ones(1))
    with pytest.raises(MemoryError):
        F.add(F.expand(one, (2**50,)), 1.0)
    with pytest.raises(ValueError, match="too many elements"):
        F.expand(one, (2**40, 2**40))
    with pytest.raises(MemoryError):
        engine.Generator().uniform(2**50)
    assert _core.memory_stats()["live_bytes"] < 2**40
