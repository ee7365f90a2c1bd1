"""Many Python threads, a changing number of engine threads, and forks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from tinytorch import Tensor, engine
from tinytorch.core.autograd import Function, no_grad

F = engine.ops
RNG = np.random.default_rng(0)
BIG = Tensor(
    RNG.normal(size=(300, 300))
)  # above the size from which the interpreter lock is released


def in_threads(work: Callable[[int], None], count: int = 8) -> None:
    failures: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive(), "a thread hangs"
    if failures:
        raise failures[0]


@pytest.fixture
def several_engine_threads():
    before = engine.num_threads()
    engine.set_num_threads(3)
    yield
    engine.set_num_threads(before)


@pytest.mark.usefixtures("several_engine_threads")
def test_eight_threads_predict_with_one_model() -> None:
    w1, w2 = (Tensor(RNG.normal(size=(300, 300)), requires_grad=True) for _ in range(2))

    def forward() -> np.ndarray:
        with no_grad():
            return F.softmax(F.relu(BIG @ w1) @ w2).data

    want = forward()

    def work(i: int) -> None:
        for _ in range(10):
            np.testing.assert_array_equal(forward(), want)

    in_threads(work)


@pytest.mark.usefixtures("several_engine_threads")
def test_eight_threads_train_one_model() -> None:
    """Every backward pass is counted: the shared parameter receives the sum of all of them."""
    w = Tensor(np.ones((300, 10)), requires_grad=True)
    rounds = 5

    def work(i: int) -> None:
        for _ in range(rounds):
            (BIG @ w).sum().backward()
            assert w.grad is not None

    in_threads(work)
    want = 8 * rounds * np.tile(BIG.data.astype(np.float64).sum(0)[:, None], 10)
    np.testing.assert_allclose(w.grad, want, rtol=1e-4, atol=1e-2)


def test_threads_that_replace_what_others_read() -> None:
    """No crash and no torn result while .data, .grad and hooks change under running operations."""
    w = Tensor(np.ones((300, 300)), requires_grad=True)
    stop = threading.Event()

    def work(i: int) -> None:
        if i == 0:
            for k in range(60):
                w.data = np.full((300, 300) if k % 2 else (300, 100), float(k), np.float32)
                w.grad = np.zeros(w.shape) if k % 3 else None
                w.register_hook(lambda g: None).remove()
                time.sleep(0.002)
            stop.set()
            return
        while not stop.is_set():
            if i % 2:
                out = BIG @ w
                assert out.shape in ((300, 300), (300, 100))
                # ValueError: the parameter took another shape meanwhile
                with contextlib.suppress(ValueError):
                    out.sum().backward()
            else:
                _ = w.grad
                _ = w.data.sum()

    in_threads(work)


def test_threads_share_a_graph_with_python_nodes() -> None:
    class Same(Function):
        def apply(self, grad_output):
            return (grad_output,)

    x = Tensor(np.ones(2000), requires_grad=True)
    y = x
    for _ in range(20):
        out = Tensor(y.data, requires_grad=True)
        out._grad_fn = Same(y * 1)
        y = out
    total = y.sum()
    in_threads(lambda i: [total.backward() for _ in range(5)])
    np.testing.assert_array_equal(x.grad, np.full(2000, 40))


def test_set_num_threads_while_others_compute() -> None:
    before = engine.num_threads()
    want = (BIG @ BIG).data
    stop = threading.Event()

    def work(i: int) -> None:
        if i == 0:
            for k in range(50):
                engine.set_num_threads(1 + k % 4)
            stop.set()
            return
        while not stop.is_set():
            np.testing.assert_array_equal((BIG @ BIG).data, want)

    try:
        in_threads(work, 4)
    finally:
        engine.set_num_threads(before)


# ---- forks ---------------------------------------------------------------------------------------


def product_sum(_: int = 0) -> float:
    return float((BIG @ BIG).sum().data)


@pytest.mark.usefixtures("several_engine_threads")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_after_compute() -> None:
    want = product_sum()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            x = Tensor(np.ones((300, 300)), requires_grad=True)
            (BIG @ x).sum().backward()
            code = 0 if product_sum() == want and x.grad is not None else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "the child hangs"
        assert product_sum() == want  # the parent goes on
        time.sleep(0.01)


@pytest.mark.usefixtures("several_engine_threads")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_multiprocessing_fork() -> None:
    want = product_sum()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(product_sum, range(4)).get(timeout=60) == [want] * 4
    assert product_sum() == want


def test_fork_while_other_threads_compute() -> None:
    """In a process of its own, since a hang would take the test run along."""
    script = """
    import os, threading, time
    import numpy as np
    from tinytorch import Tensor, engine
    engine.set_num_threads(3)
    big = Tensor(np.ones((200, 200)))
    w = Tensor(np.ones((200, 200)), requires_grad=True)
    stop = threading.Event()
    def work():
        while not stop.is_set():
            (big @ w).sum().backward()
    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads: t.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            (big @ w).sum().backward()
            os._exit(0)
        deadline = time.monotonic() + 20
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                print("a child hangs"); os._exit(1)
            time.sleep(0.001)
    stop.set()
    for t in threads: t.join()
    print("done")
    """
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert run.stdout == "done\n", run.stdout + run.stderr


def test_an_operation_has_run_when_the_import_is_over() -> None:
    """So that no other thread is making a static variable when a process forks: the child would
    wait for it forever."""
    script = """
    from tinytorch import engine
    assert engine.kernel_calls()["gemm"] > 0
    assert engine.memory_stats()["allocations"] > 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)


def test_exit_while_daemon_threads_compute() -> None:
    script = """
    import threading, time
    import numpy as np
    from tinytorch import Tensor, engine
    engine.set_num_threads(3)
    big = Tensor(np.ones((400, 400)))
    def work():
        while True:
            big @ big
    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.3)
    print("leaving")
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout) == (0, "leaving\n"), run.stderr
