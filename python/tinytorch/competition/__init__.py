"""The competition helpers are in `tinytorch.competition.submit`."""
