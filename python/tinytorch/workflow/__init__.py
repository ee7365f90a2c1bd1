"""Train, compress, measure: the steps that the command line, the demo and notebooks share."""
