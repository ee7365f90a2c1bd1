"""Older paths of text generation."""
