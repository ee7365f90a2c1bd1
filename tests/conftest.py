"""What all tests share: hypothesis profiles, and a word on the oracle in use.

TINYTORCH_TEST_PROFILE=slow draws many more examples, new ones on every run; the default is quick
and draws the same ones every time.
"""

from __future__ import annotations

import importlib.util
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "fast",
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=_QUIET,
)
settings.register_profile("slow", max_examples=300, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("TINYTORCH_TEST_PROFILE", "fast"))


def pytest_report_header() -> str:
    if importlib.util.find_spec("torch") is not None:
        return "oracle of the operators: PyTorch and NumPy float64"
    return "oracle of the operators: NumPy float64 alone, PyTorch is not installed"


def pytest_configure() -> None:
    # Where the tests run in the background, SIGINT may be ignored; children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    required = os.environ.get("TINYTORCH_REQUIRE_TORCH") == "1"
    if required and importlib.util.find_spec("torch") is None:
        raise pytest.UsageError("TINYTORCH_REQUIRE_TORCH=1, but PyTorch is not installed")
