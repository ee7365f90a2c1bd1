"""The parts of the report, each a function from a run to Markup, or None where data are missing."""

from .layers import layers
from .method import method
from .photographs import photographs
from .predictions import confusion, examples
from .results import headlines, results
from .sizes import sizes
from .throughput import throughput
from .tradeoffs import tradeoffs
from .training import training
from .written import written

# (anchor, name in the table of contents, function), in reading order
SECTIONS = (
    ("results", "Results", results),
    ("tradeoffs", "Trade-offs", tradeoffs),
    ("layers", "Time by layer", layers),
    ("sizes", "Bytes", sizes),
    ("throughput", "Throughput", throughput),
    ("training", "Training", training),
    ("confusion", "Confusion", confusion),
    ("examples", "Examples", examples),
    ("photographs", "Photographs", photographs),
    ("written", "Text", written),
    ("method", "Method", method),
)

__all__ = ["SECTIONS", "headlines"]
