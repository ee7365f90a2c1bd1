"""Older paths of quantization, compression and acceleration."""
