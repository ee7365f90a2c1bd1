"""Threads that prepare the next items of a sequence while the caller uses the present one."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Job = TypeVar("Job")

PATIENCE = 2.0  # seconds that the end of the program waits for jobs that are running


def prefetched(
    prepare: Callable[[Job], Any], jobs: Sequence[Job], workers: int, ahead: int
) -> Iterator[Any]:
    """Yield prepare(job) for each job, in order, computed by `workers` threads.

    At most `ahead` results wait or are in work. An exception in `prepare` is raised here, in its
    turn. When the generator ends, is closed or is dropped, its threads end too: closing waits for
    the jobs that are running.
    """
    pool = _Pool(prepare, jobs, ahead)
    try:
        pool.start(workers)
        for _ in range(len(jobs)):
            yield pool.take()
    finally:
        pool.close()


class _Pool:
    """Shared state; the threads hold this and never the generator, so that it can be dropped."""

    def __init__(self, prepare: Callable[[Any], Any], jobs: Sequence[Any], ahead: int) -> None:
        self._prepare = prepare
        self._jobs = jobs
        self._ahead = ahead
        self._changed = threading.Condition()
        self._results: dict[int, tuple[bool, Any]] = {}  # job number -> (succeeded, value)
        self._started = 0  # jobs handed to a thread
        self._taken = 0  # results handed to the caller
        self._stop = False
        self._threads: list[threading.Thread] = []
        _open.add(self)

    def start(self, workers: int) -> None:
        # Daemons: a program may end while an iterator is still held somewhere, even if a job hangs.
        for i in range(min(workers, len(self._jobs))):
            thread = threading.Thread(target=self._run, name=f"tinytorch-loader-{i}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self) -> Any:
        with self._changed:
            # Ctrl-C interrupts this wait; the generator's `finally` then closes the pool.
            self._changed.wait_for(lambda: self._taken in self._results)
            succeeded, value = self._results.pop(self._taken)
            self._taken += 1
            self._changed.notify_all()
        if not succeeded:
            raise value
        return value

    def close(self, patience: float | None = None) -> None:
        """End the threads; wait for them, at most `patience` seconds in all if it is given."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        until = None if patience is None else time.monotonic() + patience
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(None if until is None else max(0.0, until - time.monotonic()))
        self._results.clear()

    def _run(self) -> None:
        while (number := self._next_job()) is not None:
            try:
                result = (True, self._prepare(self._jobs[number]))
            except BaseException as error:  # raised again in the caller's thread
                result = (False, error)
            with self._changed:
                self._results[number] = result
                self._changed.notify_all()
            del result

    def _next_job(self) -> int | None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stop
                    or self._started == len(self._jobs)
                    or self._started < self._taken + self._ahead
                )
            )
            if self._stop or self._started == len(self._jobs):
                return None
            self._started += 1
            return self._started - 1


_open: weakref.WeakSet[_Pool] = weakref.WeakSet()


def _close_all() -> None:
    # CPython ends daemon threads wherever they are, in C++ that must not be unwound too.
    until = time.monotonic() + PATIENCE
    for pool in list(_open):
        pool.close(max(0.0, until - time.monotonic()))


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open.clear)  # the threads did not come along
