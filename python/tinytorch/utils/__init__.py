"""Small helpers under older paths."""
