"""Inference sessions: weights packed once, then run without further decisions."""

from __future__ import annotations

from ._gpt_session import GptSequence, GptSession

__all__ = ["GptSequence", "GptSession"]
