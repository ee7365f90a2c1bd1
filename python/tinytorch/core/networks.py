"""Older path of `Sequential`."""

from ._containers import Sequential

__all__ = ["Sequential"]
