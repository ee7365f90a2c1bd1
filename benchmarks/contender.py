"""Contenders of a comparison, each in a process of its own: idle threads of one slow the next.

The two sides speak in lines of JSON: the worker says that it is ready, then answers each request.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREAD_LIMITS = ("TINYTORCH", "OPENBLAS", "MKL", "OMP")


class Contender:
    """Runs `worker ARGUMENTS`, a script that calls `serve`. start: what it said when ready."""

    def __init__(self, worker: Path, arguments: Sequence[str], threads: int) -> None:
        limits = {f"{name}_NUM_THREADS": str(threads) for name in THREAD_LIMITS}
        self._process = subprocess.Popen(
            [sys.executable, str(worker), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **limits},
        )
        self.start = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender's process ended; its message is above")
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def revision() -> str:
    """What the checkout is at, with "-dirty" where it differs from that."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def serve(prepare: Callable[[], tuple[Any, Callable[[dict[str, Any]], Any]]]) -> None:
    """The worker's side: `prepare` gives what to say when ready, and what answers a request."""
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing else may write among the answers

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    ready, reply = prepare()
    answer(ready)
    for line in sys.stdin:
        value = reply(json.loads(line))
        settle()
        answer(value)


def settle() -> None:
    """Waits until this process's own threads, which spin on after their work, are asleep."""
    for _ in range(100):
        used = time.process_time()
        time.sleep(0.01)
        if time.process_time() - used < 0.002:
            return


def quartiles(ratios: Sequence[float]) -> str:
    """The median, and in brackets the lower and the upper quartile."""
    low, mid, high = statistics.quantiles(ratios, n=4)
    return f"{mid:.2f} ({low:.2f} to {high:.2f})"
