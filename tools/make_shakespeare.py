"""Write python/tinytorch/datasets/shakespeare.txt, the beginning of Tiny Shakespeare.

    TINYTORCH_DATA=/path/to/data python tools/make_shakespeare.py

The first 150,000 characters, cut back to the end of a speech. The file is the same on every run.
docs/data.md states origin and licence.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinytorch.datasets import TinyShakespeare

TARGET = Path(__file__).resolve().parent.parent / "python/tinytorch/datasets/shakespeare.txt"
LENGTH = 150_000


def excerpt(text: str) -> str:
    """Whole speeches (they end with an empty line) of at most LENGTH characters."""
    return text[: text.rindex("\n\n", 0, LENGTH) + 1]


def main(target: Path) -> None:
    text = excerpt(TinyShakespeare().text)
    target.write_bytes(text.encode("utf-8"))
    print(f"{target}: {len(text):,} characters, {len(set(text))} different ones")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
