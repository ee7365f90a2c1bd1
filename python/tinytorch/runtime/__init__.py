"""Inference sessions: weights packed once, then run without further decisions."""

from __future__ import annotations

from .. import _core
from ._cnn import CnnSession
from ._gpt import GptSequence, GptSession

Int8Matmul = _core.runtime.Int8Matmul
LinearSession = _core.runtime.LinearSession
MlpSession = _core.runtime.MlpSession

__all__ = ["CnnSession", "GptSequence", "GptSession", "Int8Matmul", "LinearSession", "MlpSession"]
