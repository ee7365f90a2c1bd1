"""Older paths of the data loaders."""
