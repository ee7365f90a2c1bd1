"""Inference sessions: weights packed once, then run without further decisions."""

from __future__ import annotations

from .. import _core
from ._cnn import CnnSession
from ._generate import GenerationOptions, GptGenerator, TokenDecoder
from ._gpt import GptSequence, GptSession
from ._request import GenerationTiming, GptRequest
from ._sampling import Sampling
from ._stream import GptTextStream, GptTokenStream

Int8Matmul = _core.runtime.Int8Matmul
LinearSession = _core.runtime.LinearSession
MlpSession = _core.runtime.MlpSession

__all__ = [
    "CnnSession",
    "GenerationOptions",
    "GenerationTiming",
    "GptGenerator",
    "GptRequest",
    "GptSequence",
    "GptSession",
    "GptTextStream",
    "GptTokenStream",
    "Int8Matmul",
    "LinearSession",
    "MlpSession",
    "Sampling",
    "TokenDecoder",
]
