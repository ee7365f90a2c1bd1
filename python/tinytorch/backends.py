"""Empty; the engine is `tinytorch._core`."""
