"""Trained models that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "weights"


def shipped_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def shipped(name: str) -> Path:
    """The weights of a shipped model; ValueError lists the names there are."""
    if name not in shipped_names():
        raise ValueError(f"no shipped model {name!r}; there are {', '.join(shipped_names())}")
    return FOLDER / f"{name}.safetensors"
