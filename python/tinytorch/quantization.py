"""Empty; see `tinytorch.perf.quantization`."""
