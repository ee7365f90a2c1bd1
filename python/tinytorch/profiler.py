"""Empty; see `tinytorch.perf.profiling`."""
