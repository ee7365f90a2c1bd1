"""Stand-alone pieces under older paths."""
