"""Running an app so that every failure is one line on stderr and an exit code.

0 done    1 failed, or found invalid    2 wrong usage    130 interrupted
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

DEBUG = "TINYTORCH_DEBUG"
FAILED, USAGE, INTERRUPTED = 1, 2, 130

# What a user can cause and mend; anything else is a defect of ours and is called so.
_EXPECTED = (ValueError, OSError, AssertionError, MemoryError, FloatingPointError)


class Failure(Exception):
    """An error whose text is written for the user."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def run(program: str, arguments: Sequence[str]) -> int:
    """Run `program` with its arguments; the exit code."""
    from typer.main import get_command

    if program == "tito":
        from .tito import app
    else:
        from .app import app
    command = get_command(app)
    try:
        code = command.main(list(arguments) or ["--help"], prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG, "0") not in ("", "0") and not hasattr(error, "format_message"):
            raise
        return _explain(program, error)
    return code if isinstance(code, int) else 0


def _explain(program: str, error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return _say(program, "interrupted", INTERRUPTED)
    if hasattr(error, "format_message"):  # of click, wherever typer has it from
        return _usage(program, error)
    if isinstance(error, Failure):
        return _say(program, str(error), error.code)
    if isinstance(error, MemoryError):
        return _say(program, f"not enough memory ({error})" if str(error) else "not enough memory")
    if isinstance(error, OSError) and error.strerror and error.filename:
        return _say(program, f"{os.fsdecode(error.filename)}: {error.strerror}")
    if isinstance(error, _EXPECTED):
        return _say(program, str(error) or type(error).__name__)
    return _say(
        program, f"internal error: {type(error).__name__}: {error} ({DEBUG}=1 shows where it arose)"
    )


def _usage(program: str, error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else program
    text = error.format_message().strip().rstrip(".")
    return _say(command, f"{text} (see {command} --help)", int(getattr(error, "exit_code", USAGE)))


def _say(program: str, message: str, code: int = FAILED) -> int:
    line = "; ".join(part.strip() for part in message.splitlines() if part.strip())
    print(f"{program}: {line}", file=sys.stderr)
    return code
