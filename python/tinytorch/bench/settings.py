"""Defaults, names of models and the description of the machine."""

from __future__ import annotations

import os
import platform
from typing import Any

DEFAULT_WARMUP_RUNS = 5
DEFAULT_MEASUREMENT_RUNS = 10


def model_name(model: Any, index: int = 0) -> str:
    return str(getattr(model, "name", None) or f"model_{index}")


def system_info() -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "python_version": platform.python_version(),
        "cpu_count": os.cpu_count() or 1,
    }
