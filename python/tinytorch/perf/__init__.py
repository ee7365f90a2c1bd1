"""Measuring and improving models: profiling, quantization, compression, caching, acceleration."""
