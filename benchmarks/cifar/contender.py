"""A contender of a comparison, in a process of its own: idle threads of one slow the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Contender:
    """Runs `worker ARGUMENTS THREADS`, which prints a line of JSON when it is ready and one for
    each line of JSON that it is sent."""

    def __init__(self, worker: Path, arguments: Sequence[str], threads: int) -> None:
        command = [sys.executable, str(worker), *arguments, str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip
        self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender ended early; its message is above")
        return json.loads(line)

    def ask(self, **request: Any) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
