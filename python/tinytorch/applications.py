"""Empty; kept for code that imports it."""
