"""Empty; see `tinytorch.bench`."""
