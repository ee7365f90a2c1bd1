"""`tinytorch info`: what is here, what is missing, and how to get it."""

from __future__ import annotations

from ._options import Json


def info(as_json: Json = False) -> None:
    """Version, processor, kernels, threads, memory, data, and what is missing."""
    from ._console import print_json
    from ._doctor import facts, show

    found = facts()
    if as_json:
        print_json(found)
    else:
        show(found)
