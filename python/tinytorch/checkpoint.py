"""Checkpoints that survive a crash at any moment: tensors and plain values, saved as one.

A folder holds numbered pairs, of which the newest are kept:

    checkpoint-00000012.safetensors   the tensors
    checkpoint-00000012.json          the other values, with size and SHA-256 of the tensor file

The JSON file is written last and completes the pair; it carries a hash of itself. Both are replaced
atomically (temporary file, fsync, rename, fsync of the folder), and an older pair goes only when a
newer one is complete. So whatever a killed process, a full disk or a damaged sector leaves behind,
`load_latest` finds the newest pair that is whole, and says which it passed over and why.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from .core._checkpoint import _decode, _encode
from .io import TensorDict, load_json, load_safetensors, save_json, save_safetensors

__all__ = ["Checkpoint", "CheckpointWarning", "load_checkpoint", "load_latest", "save_checkpoint"]

FORMAT = "tinytorch-checkpoint"
VERSION = 1
_STATE_ARRAYS = "$state"  # tensors that hold the arrays of `state`
_NAME = re.compile(r"checkpoint-(\d{8,18})\.(json|safetensors)")
_HASH_BYTES = 1 << 20

PathLike = str | os.PathLike[str]


class CheckpointWarning(UserWarning):
    """A checkpoint was passed over because it is incomplete or damaged."""


@dataclass
class Checkpoint:
    """What `save_checkpoint` was given, and where it was found."""

    tensors: TensorDict
    state: Any
    number: int
    path: Path  # of the JSON file
    skipped: list[str] = field(default_factory=list)  # newer ones passed over, with the reason


def save_checkpoint(
    folder: PathLike, tensors: Mapping[str, Any], state: Any = None, *, keep: int = 2
) -> Path:
    """Add a checkpoint to `folder` (made if missing) and return the path of its JSON file.

    Args:
        tensors: name -> ndarray or Tensor.
        state: dicts, lists, text, numbers (also nan and inf), None, and arrays among them.
        keep: complete checkpoints to leave in the folder, this one included.

    Raises OSError where writing fails (disk full...); the checkpoints that were there stay.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    plain = _encode(state, _STATE_ARRAYS, arrays)
    clash = [name for name in tensors if name.startswith(_STATE_ARRAYS)]
    if clash:
        raise ValueError(f"a tensor's name cannot begin with {_STATE_ARRAYS}, got {clash[0]!r}")
    with _locked(folder):
        number = max(_numbers(folder), default=0) + 1
        path = folder / f"checkpoint-{number:08d}.json"
        try:
            _write_pair(path, number, {**tensors, **arrays}, plain)
        except BaseException:
            with contextlib.suppress(OSError):
                path.with_suffix(".safetensors").unlink(missing_ok=True)
            raise
        _remove_old(folder, number, keep)
    return path


def load_checkpoint(path: PathLike) -> Checkpoint:
    """The checkpoint with this JSON file. ValueError names what is damaged; OSError as usual."""
    path = Path(path)
    document = _document(path)
    listed = document["tensors"]
    weights = path.with_suffix(".safetensors")
    size = weights.stat().st_size if weights.exists() else None
    if size != listed["bytes"]:
        found = "is missing" if size is None else f"has {size} bytes"
        raise ValueError(f"{weights.name} {found}, {listed['bytes']} are expected")
    if _file_hash(weights) != listed["sha256"]:
        raise ValueError(f"{weights.name} is damaged: its SHA-256 differs from the recorded one")
    everything = load_safetensors(weights, copy=True)
    hidden = {name for name in everything if name.startswith(_STATE_ARRAYS)}
    tensors = TensorDict({name: everything[name] for name in everything if name not in hidden})
    return Checkpoint(tensors, _decode(document["state"], everything), document["number"], path)


def load_latest(folder: PathLike) -> Checkpoint | None:
    """The newest whole checkpoint in `folder`; None where there is none yet.

    Incomplete and damaged ones are passed over with a CheckpointWarning, and listed in `skipped`.
    ValueError where checkpoints were completed but all are damaged: starting anew without a word
    would lose the work.
    """
    folder = Path(folder)
    skipped: list[str] = []
    completed = False
    for number in sorted(_numbers(folder), reverse=True):
        path = folder / f"checkpoint-{number:08d}.json"
        if not path.exists():
            skipped.append(f"{path.stem} is incomplete: saving it was interrupted")
            continue
        completed = True
        try:
            found = load_checkpoint(path)
        except (ValueError, OSError) as error:
            skipped.append(f"{path.stem} is damaged: {error}")
            continue
        _warn(folder, skipped)
        found.skipped = skipped
        return found
    if completed:
        raise ValueError(f"no whole checkpoint in {folder}: " + "; ".join(skipped))
    _warn(folder, skipped)
    return None


def _warn(folder: Path, skipped: list[str]) -> None:
    if skipped:
        warnings.warn(f"{folder}: " + "; ".join(skipped), CheckpointWarning, stacklevel=3)


def _write_pair(path: Path, number: int, tensors: Mapping[str, Any], state: Any) -> None:
    weights = path.with_suffix(".safetensors")
    save_safetensors(weights, tensors)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "number": number,
        "saved_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tensors": {"bytes": weights.stat().st_size, "sha256": _file_hash(weights)},
        "state": state,
    }
    document["sha256"] = _document_hash(document)
    save_json(path, document, indent=1)


def _document(path: Path) -> dict[str, Any]:
    """The JSON part, whole and of this format, or a ValueError."""
    document = load_json(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not a checkpoint of tinytorch")
    if document.get("version") != VERSION:
        raise ValueError(
            f"{path.name} has version {document.get('version')!r}, this is {VERSION}; use a newer "
            "tinytorch"
        )
    if document.get("sha256") != _document_hash(document):
        raise ValueError(f"{path.name} is damaged: its SHA-256 differs from the recorded one")
    return document


def _document_hash(document: Mapping[str, Any]) -> str:
    body = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _numbers(folder: Path) -> set[int]:
    """Numbers of which any file exists, complete or not."""
    if not folder.is_dir():
        return set()
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return {int(match[1]) for match in matches if match}


def _is_complete(path: Path) -> bool:
    """As far as can be told without reading the tensors."""
    try:
        expected: int = _document(path)["tensors"]["bytes"]
        return path.with_suffix(".safetensors").stat().st_size == expected
    except (ValueError, OSError):
        return False


def _remove_old(folder: Path, newest: int, keep: int) -> None:
    """Leave the `keep` newest complete checkpoints; remove what is older, and leftovers.

    A failure here costs disk space and nothing else, so it is not reported.
    """
    with contextlib.suppress(OSError):
        for leftover in folder.glob(".checkpoint-*.tmp"):
            leftover.unlink(missing_ok=True)
        kept = 0
        for number in sorted(_numbers(folder), reverse=True):
            path = folder / f"checkpoint-{number:08d}.json"
            if kept < keep and (number == newest or _is_complete(path)):
                kept += 1
            elif kept >= keep or not path.exists():
                path.unlink(missing_ok=True)  # first: without it the pair is not complete
                path.with_suffix(".safetensors").unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time: the numbers, and the leftovers that are removed, are this one's."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
