"""The gradient engine: long chains, accumulation, modes, hooks, in-place changes, checkpointing."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest

from tinytorch import Tensor, autocast, engine
from tinytorch.core.autograd import Function, checkpoint, enable_grad, no_grad

F = engine.ops


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), requires_grad=True)


# ---- long chains ---------------------------------------------------------------------------------

LONG = 100_000


def test_a_chain_of_100_000_operations() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(LONG):
        y = y + 1.0
    assert y._grad_fn.next_functions[0] is not None  # looking at the graph does not walk it
    y.backward()
    assert x.grad[0] == 1
    y.backward()
    assert x.grad[0] == 2
    del y  # torn down without recursion


class Double(Function):
    def apply(self, grad_output):
        return (grad_output * 2,)


class Same(Function):
    def apply(self, grad_output):
        return (grad_output,)


def by_node(node_class: type, x: Tensor) -> Tensor:
    out = Tensor(x.data, requires_grad=True)
    out._grad_fn = node_class(x)
    return out


def test_a_chain_of_100_000_operations_defined_in_python() -> None:
    x = leaf(1.0)
    y = x
    for i in range(LONG):
        y = by_node(Same, y) if i % 2 else y * 1.0
    y.backward()
    assert x.grad[0] == 1
    del y
    gc.collect()


def test_a_long_chain_is_torn_down_in_a_small_stack() -> None:
    """128 KiB of stack, where a frame per node would need megabytes."""
    script = """
    import threading
    from tinytorch import Tensor
    from tinytorch.core.autograd import Function

    class Same(Function):
        def apply(self, g):
            return (g,)

    def work():
        for own in (False, True):
            y = x = Tensor([1.0], requires_grad=True)
            for _ in range(20000):
                if own:
                    out = Tensor(y.data, requires_grad=True)
                    out._grad_fn = Same(y)
                    y = out
                else:
                    y = y * 1.0
            y.backward()
            assert x.grad[0] == 1
            del y
        print("done")

    threading.stack_size(256 * 1024)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert run.stdout == "done\n", run.stderr


def test_a_shared_graph_is_walked_once_per_node() -> None:
    """Each step doubles the number of paths: 2^60 of them, 60 nodes."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()  # which would not end
    assert x.grad[0] == 2.0**60
    assert len(y._grad_fn.next_functions) == 2


# ---- accumulation --------------------------------------------------------------------------------


def test_gradients_accumulate_over_calls_and_graphs() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    y.backward()
    np.testing.assert_array_equal(x.grad, [4, 8])
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [7, 11])
    x.zero_grad()
    assert x.grad is None
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_intermediate_and_root_gradients_are_filled() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    y = h.sum()
    y.backward()
    assert y.grad == 1
    np.testing.assert_array_equal(h.grad, [1, 1])
    assert type(h.grad.data) is np.ndarray
    assert isinstance(h.grad, np.ndarray)


@pytest.mark.parametrize(
    "stored",
    [
        np.array([10.0, 20.0]),
        np.array([10, 20]),
        [10.0, 20.0],
        Tensor([10.0, 20.0]),
        np.float32(10),
    ],
)
def test_user_gradients_are_kept_and_added_to(stored: object) -> None:
    x = leaf(1.0, 2.0)
    x.grad = stored
    assert x.grad is stored
    (x * 1).sum().backward()
    base = np.asarray(stored.data if isinstance(stored, Tensor) else stored)
    np.testing.assert_array_equal(x.grad, base + np.ones(2))


def test_a_user_gradient_edited_in_place_counts_as_edited() -> None:
    x = leaf(1.0)
    mine = np.zeros(1, np.float32)
    x.grad = mine
    mine[0] = 5
    (x * 2).backward()
    assert x.grad[0] == 7


def test_user_gradients_that_do_not_fit_are_refused() -> None:
    for wrong in (np.zeros(3), np.zeros((2, 2)), "text"):
        x = leaf(1.0, 2.0)
        x.grad = wrong
        with pytest.raises((ValueError, TypeError)):
            (x * 1).sum().backward()


def test_free_graph() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(free_graph=True)
    np.testing.assert_array_equal(x.grad, [2, 4])
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_free_graph_frees_memory() -> None:
    x = Tensor(np.ones(1000), requires_grad=True)
    y = x
    for _ in range(10):
        y = F.exp(y * 0.001)
    y = y.sum()
    before = engine.memory_stats()["live_bytes"]
    y.backward(free_graph=True)
    assert engine.memory_stats()["live_bytes"] < before - 9 * 4000


def test_seeds() -> None:
    for seed in (
        [1.0, 2.0],
        np.array([1, 2]),
        Tensor([1.0, 2.0]),
        np.array([1.0, 2.0], np.float64),
    ):
        x = leaf(1.0, 1.0)
        (x * 1).backward(seed)
        np.testing.assert_array_equal(x.grad, [1, 2])
    x = leaf(1.0, 1.0)
    (x * 1).backward(3.0)  # 0-d broadcasts
    np.testing.assert_array_equal(x.grad, [3, 3])
    for shape in ((), (1,), (1, 1)):
        x = Tensor(np.ones(shape), requires_grad=True)
        (x * 2).backward()
        assert x.grad.shape == shape


def test_backward_of_an_untracked_tensor_does_nothing() -> None:
    assert Tensor(np.ones(3)).backward() is None
    assert (Tensor(np.ones(3)) * 2).backward() is None


def test_requires_grad_is_read_at_the_moment_of_backward() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    w.requires_grad = False
    y.backward()
    assert w.grad is None
    assert x.grad[0] == 3


# ---- modes ---------------------------------------------------------------------------------------


def test_no_grad() -> None:
    x = leaf(1.0)
    with no_grad():
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad

    @no_grad()
    def inside() -> Tensor:
        return x * 2

    assert not inside().requires_grad
    assert inside.__name__ == "inside"


def test_modes_belong_to_a_thread() -> None:
    import threading

    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((leaf(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


# ---- in-place changes ----------------------------------------------------------------------------


def test_changes_of_saved_data_are_detected() -> None:
    x = leaf(1.0, 2.0)
    for change in (
        lambda t: engine.add_(t, Tensor(1.0)),
        lambda t: engine.copy_(t, Tensor(0.0)),
        lambda t: engine.fill_(t, 0.0),
        lambda t: engine.index_assign_(t, 0, Tensor(5.0)),
    ):
        h = x * 2
        y = (h * h).sum()
        with no_grad():
            change(h)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()


def test_changes_of_data_that_no_gradient_needs_are_fine() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    y = (h + 1).sum()
    with no_grad():
        engine.fill_(h, 0.0)
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_a_recorded_tensor_is_not_written_in_place() -> None:
    x = leaf(1.0)
    for t in (x, x * 2):
        with pytest.raises(RuntimeError, match="no_grad"):
            engine.fill_(t, 0.0)
    with no_grad():
        engine.fill_(x, 4.0)
    assert x.data[0] == 4


def test_writes_through_data_are_not_counted() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data += 1  # the course edits parameters like this between steps
    y.backward()
    assert x.grad.shape == (2,)


# ---- hooks ---------------------------------------------------------------------------------------


def test_hooks_see_and_replace_gradients() -> None:
    x = leaf(1.0, 2.0)
    h = x * 3
    seen = []
    looks = h.register_hook(lambda g: seen.append(g.copy()))
    doubles = h.register_hook(lambda g: g * 2)
    h.sum().backward()
    np.testing.assert_array_equal(seen, [[1, 1]])
    np.testing.assert_array_equal(x.grad, [6, 6])
    doubles.remove()
    doubles.remove()
    x.zero_grad()
    h.sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3])
    looks.remove()
    h.sum().backward()
    assert len(seen) == 2


def test_hooks_on_leaves_see_each_pass() -> None:
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(float(g[0])))
    y = x * 2 + x * 3
    y.backward()
    y.backward()
    assert seen == [5.0, 5.0]


def test_hooks_may_remove_themselves_and_raise() -> None:
    x = leaf(1.0)
    handle = x.register_hook(lambda g: handle.remove())
    (x * 2).backward()
    x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        (x * 2).backward()
    bad = leaf(1.0, 2.0)
    bad.register_hook(lambda g: np.zeros(5))
    with pytest.raises(ValueError, match="does not fit"):
        (bad * 2).sum().backward()


# ---- nodes defined in Python ---------------------------------------------------------------------


def test_python_nodes_mix_with_the_engines() -> None:
    x = leaf(1.0, 2.0)
    y = by_node(Double, x * 3) * 5
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [30, 30])


def test_python_nodes_may_return_none_more_or_a_bare_array() -> None:
    class Odd(Function):
        def apply(self, grad_output):
            return self.answer

    x, w = leaf(1.0), leaf(1.0)
    for answer, gx, gw in (
        ((np.ones(1), None), 1, None),
        ((None, np.ones(1), None, None), None, 1),
        (np.full(1, 3.0), 3, None),
        ([np.float64(2.0), 4], 2, 4),
        (None, None, None),
        ((Tensor([5.0]),), 5, None),
    ):
        x.zero_grad()
        w.zero_grad()
        out = Tensor([0.0], requires_grad=True)
        out._grad_fn = Odd(x, w)
        out._grad_fn.answer = answer
        out.backward()
        assert (None if x.grad is None else x.grad[0]) == gx
        assert (None if w.grad is None else w.grad[0]) == gw


def test_wrong_gradients_of_python_nodes_are_refused() -> None:
    class Wrong(Function):
        def apply(self, grad_output):
            return (self.answer,)

    for answer, error in (
        (np.zeros(5), ValueError),
        (np.zeros((3, 3)), ValueError),
        ("text", ValueError),
        (object(), TypeError),
        (1j, TypeError),
        ({}, TypeError),
    ):
        x = leaf(1.0, 2.0)
        out = Tensor([0.0, 0.0], requires_grad=True)
        out._grad_fn = Wrong(x)
        out._grad_fn.answer = answer
        with pytest.raises(error):
            out.sum().backward()


def test_errors_in_python_nodes_come_through() -> None:
    class Fails(Function):
        def apply(self, grad_output):
            raise KeyError("mine")

    x = leaf(1.0)
    with pytest.raises(KeyError, match="mine"):
        (by_node(Fails, x) * 2).backward()
    with pytest.raises(NotImplementedError):
        by_node(Function, x).backward()


def test_a_node_moved_to_a_tensor_with_an_extra_dimension() -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x[:, 1:]
    wide = Tensor(y.data[None], requires_grad=True)
    wide._grad_fn = y._grad_fn
    wide.sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 1, 1], [0, 1, 1]])
    wrong = Tensor(np.zeros(5), requires_grad=True)
    wrong._grad_fn = F.softmax(x)._grad_fn
    with pytest.raises(ValueError, match="_grad_fn"):
        wrong.sum().backward()


def test_cycles_are_refused() -> None:
    x = leaf(1.0)
    y = x * 2
    z = by_node(Same, y)
    y._grad_fn = Same(z)
    with pytest.raises(RuntimeError, match="cycle"):
        z.backward()
    own = leaf(1.0)
    own._grad_fn = Same(own)
    with pytest.raises(RuntimeError, match="cycle"):
        own.backward()


def test_nodes_that_keep_their_result_are_collected() -> None:
    def make() -> weakref.ref:
        out = by_node(Double, leaf(1.0))
        out._grad_fn.output = out  # natural for a node that needs its result
        (out * 2).backward()
        return weakref.ref(out._grad_fn)

    node = make()
    gc.collect()
    assert node() is None


def test_the_graph_does_not_keep_results_that_no_gradient_needs() -> None:
    x = leaf(1.0)
    h = x + 1
    ended = weakref.ref(h)
    y = h + 1
    del h
    assert ended() is None
    y.backward()
    assert x.grad[0] == 1


# ---- checkpointing -------------------------------------------------------------------------------


def test_checkpoint_equals_plain() -> None:
    rng = np.random.default_rng(0)
    w1, w2 = (Tensor(rng.normal(size=(8, 8)), requires_grad=True) for _ in range(2))
    x = Tensor(rng.normal(size=(4, 8)), requires_grad=True)

    def block(inputs: Tensor) -> Tensor:
        return F.tanh(F.relu(inputs @ w1) @ w2)

    plain = block(block(x)).sum()
    plain.backward()
    wanted = [np.array(t.grad) for t in (x, w1, w2)]
    for t in (x, w1, w2):
        t.zero_grad()
    saved = checkpoint(block, checkpoint(block, x)).sum()
    assert saved.data == plain.data
    saved.backward()
    for t, want in zip((x, w1, w2), wanted, strict=True):
        np.testing.assert_array_equal(t.grad, want)
    saved.backward()
    np.testing.assert_allclose(x.grad, 2 * wanted[0], rtol=1e-6)


def test_checkpoint_keeps_less_memory() -> None:
    x = Tensor(np.ones(10_000), requires_grad=True)

    def deep(t: Tensor) -> Tensor:
        for _ in range(10):
            t = F.exp(t * 0.01)
        return t

    start = engine.memory_stats()["live_bytes"]
    plain = deep(x)
    kept_plain = engine.memory_stats()["live_bytes"] - start
    del plain
    saved = checkpoint(deep, x)
    kept_saved = engine.memory_stats()["live_bytes"] - start
    assert kept_saved * 5 < kept_plain
    saved.sum().backward()


def test_checkpoint_repeats_random_numbers_and_rounding() -> None:
    x = Tensor(np.random.default_rng(0).standard_normal((8, 16)), requires_grad=True)
    w = Tensor(np.random.default_rng(1).standard_normal((16, 16)), requires_grad=True)

    def block(t: Tensor) -> Tensor:
        return F.matmul(F.dropout(t, 0.5), w)

    grads = []
    for run in (block, lambda t: checkpoint(block, t)):
        engine.manual_seed(3)
        with autocast():
            out = run(x)
        F.dropout(x, 0.5)  # moves the generator on before the backward pass
        out.backward(np.ones(out.shape, np.float32))
        grads.append((x.grad.copy(), w.grad.copy()))
        x.grad = w.grad = None
    for plain, again in zip(*grads, strict=True):
        np.testing.assert_array_equal(plain, again)


def test_checkpoint_without_recording() -> None:
    x = leaf(1.0)
    with no_grad():
        assert not checkpoint(lambda t: t * 2, x).requires_grad
