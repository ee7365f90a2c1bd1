"""Older paths of the profiler."""
