"""Inference sessions: weights packed once, then run without further decisions."""

from __future__ import annotations

from ._cnn import CnnSession
from ._gpt import GptSequence, GptSession

__all__ = ["CnnSession", "GptSequence", "GptSession"]
