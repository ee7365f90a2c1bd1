"""Streams, Ctrl-C, and generators in the hands of several threads."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from generation_models import Pieces, ids_of, plain, small_session

from tinytorch.runtime import GptGenerator, GptRequest, Sampling

SESSION = small_session()


def test_streams_give_what_generate_gives() -> None:
    generator = GptGenerator(SESSION, tokenizer=Pieces())
    for seed in range(8):
        options: dict[str, Any] = {
            "max_new_tokens": 30,
            "seed": seed,
            "stop": ["\n\n", "ab", [3, 4]],
        }
        want = generator.generate("abc", **options)
        stream = generator.stream("abc", **options)
        assert list(stream) == want.tokens.tolist()
        assert stream.request.finish_reason == want.finish_reason
        assert list(stream) == []
        assert "".join(generator.stream_text("abc", **options)) == want.text


def test_streams_advance_together() -> None:
    generator = GptGenerator(SESSION)
    one = generator.stream([1, 2], max_new_tokens=10, seed=1)
    other = generator.stream([1, 3], max_new_tokens=5, seed=2)
    mixed = [next(one), next(other), next(one)]
    a, b = [mixed[0], mixed[2], *one], [mixed[1], *other]
    assert a == plain(SESSION, [1, 2], 10, Sampling(seed=1))
    assert b == plain(SESSION, [1, 3], 5, Sampling(seed=2))


def test_a_stream_that_is_closed_or_dropped_frees_its_sequence() -> None:
    generator = GptGenerator(SESSION)
    stream = generator.stream([1, 2])
    next(stream)
    assert generator.running == 1
    stream.close()
    assert generator.running == 0
    assert stream.request.finish_reason == "cancelled"
    assert list(stream) == []
    with generator.stream([1, 2]) as stream:
        next(stream)
    assert generator.running == 0
    dropped = generator.stream([1, 2])
    request = dropped.request
    del dropped
    gc.collect()
    assert request.finish_reason == "cancelled"
    assert generator.waiting == 0


def test_a_stream_raises_what_its_constraint_raised_after_the_tokens_before() -> None:
    def failing(tokens: np.ndarray, logits: np.ndarray) -> None:
        if len(tokens) == 5:
            raise LookupError("enough")

    stream = GptGenerator(SESSION).stream([1, 2], constraint=failing)
    got: list[int] = []
    with pytest.raises(LookupError, match="enough"):
        got.extend(stream)
    assert len(got) == 3
    assert list(stream) == []


class Interrupted:
    """A constraint whose `after`-th call meets Ctrl-C."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, tokens: np.ndarray, logits: np.ndarray) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("how", ["generate", "stream", "run"])
def test_ctrl_c_in_a_constraint_gets_through(how: str) -> None:
    generator = GptGenerator(SESSION)
    other = generator.submit([4], max_new_tokens=20, seed=1)

    def go() -> None:
        if how == "generate":
            generator.generate([1], constraint=Interrupted(3))
        elif how == "stream":
            list(generator.stream([1], constraint=Interrupted(3)))
        else:
            generator.submit([1], constraint=Interrupted(3))
            generator.run()

    with pytest.raises(KeyboardInterrupt):
        go()
    assert generator.running == 1
    generator.run()
    assert other.tokens.tolist() == plain(SESSION, [4], 20, Sampling(seed=1))


def test_ctrl_c_during_a_step_leaves_a_usable_generator() -> None:
    session = small_session(max_length=4000)
    generator = GptGenerator(session)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)

    def go() -> None:
        while True:  # texts may come faster than the signal
            list(generator.stream(ids_of(2000), temperature=0, max_new_tokens=1900))

    try:
        for attempt in range(4):
            signal.setitimer(signal.ITIMER_REAL, 0.03 + 0.02 * attempt)
            with pytest.raises(KeyboardInterrupt):
                go()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    want = plain(session, ids_of(4), 6, Sampling(temperature=0))
    assert generator.generate(ids_of(4), max_new_tokens=6, temperature=0).tokens.tolist() == want


def test_a_second_thread_that_steps_is_told() -> None:
    generator = GptGenerator(SESSION)
    entered, leave = threading.Event(), threading.Event()

    def wait(tokens: np.ndarray, logits: np.ndarray) -> None:
        entered.set()
        assert leave.wait(60)

    slow = generator.submit([1], max_new_tokens=1, constraint=wait)
    thread = threading.Thread(target=generator.run)
    thread.start()
    try:
        assert entered.wait(60)
        with pytest.raises(RuntimeError, match="is in a step"):
            generator.step()
        with pytest.raises(RuntimeError, match="is in a step"):
            generator.close()
        with pytest.raises(RuntimeError, match="is in a step"):
            generator.generate([2], max_new_tokens=1)
        # Others may submit, look and cancel meanwhile.
        other = generator.submit([2], max_new_tokens=1)
        gone = generator.submit([3])
        assert gone.cancel()
        assert gone.finish_reason == "cancelled"
        assert slow.finish_reason is None
        assert slow.cancel()
    finally:
        leave.set()
        thread.join()
    generator.run()
    assert len(other.tokens) == 1


def test_many_threads_on_one_generator() -> None:
    generator = GptGenerator(SESSION, max_running=3)
    requests: list[list[GptRequest]] = [[] for _ in range(4)]
    failures: list[BaseException] = []
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            if not generator.step():
                time.sleep(0.0005)

    def ask(worker: int) -> None:
        try:
            for i in range(12):
                seed = 100 * worker + i
                request = generator.submit(ids_of(5, seed), max_new_tokens=7, seed=seed)
                requests[worker].append(request)
                if i % 4 == 3:
                    request.cancel()
                while not request.finished:
                    assert len(request.tokens) <= 7
                    time.sleep(0.0005)
        except BaseException as error:
            failures.append(error)

    server = threading.Thread(target=serve)
    server.start()
    workers = [threading.Thread(target=ask, args=(w,)) for w in range(4)]
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    stop.set()
    server.join()
    assert not failures
    for worker, mine in enumerate(requests):
        for i, request in enumerate(mine):
            seed = 100 * worker + i
            want = plain(SESSION, ids_of(5, seed), 7, Sampling(seed=seed))
            if request.finish_reason == "cancelled":
                assert i % 4 == 3
                assert request.tokens.tolist() == want[: len(request.tokens)]
            else:
                assert request.tokens.tolist() == want


def test_two_generators_share_a_session_in_two_threads() -> None:
    results: dict[int, list[int]] = {}

    def work(seed: int) -> None:
        generator = GptGenerator(SESSION)
        results[seed] = generator.generate(ids_of(6), max_new_tokens=40, seed=seed).tokens.tolist()

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for seed, tokens in results.items():
        assert tokens == plain(SESSION, ids_of(6), 40, Sampling(seed=seed))
