# The C++ engine, for type checkers; `make stubs` writes this file.
from typing import Any

__all__: list[str] = ["Traffic", "count_multiply_adds"]

class Traffic:
    """Memory to read and to copy: `parts` times `floats` ones."""

    def __init__(self, parts: int, floats: int) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def copy(self, passes: int) -> None:
        """Copies each part to another place `passes` times, past the caches."""

    def read(self, passes: int) -> float:
        """Reads each part `passes` times, one thread a part; returns the sum of what was read."""

def count_multiply_adds(format: str, pieces: int) -> float:
    """Runs multiply-adds in registers on all threads and returns how many there were. A
    piece is some hundred thousand cycles of one thread; format is f32, bf16 or int8.
    """
