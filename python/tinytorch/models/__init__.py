"""Older paths of models."""
