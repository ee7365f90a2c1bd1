"""The roofline of this machine: what it can do at most, and how near the engine's kernels come.

    from tinytorch.roofline import measure
    found = measure()
    for point in found.points:
        print(point.name, point.rate, found.limits.share(point))

Source: Williams, Waterman and Patterson, Roofline: an insightful visual performance model for
multicore architectures, Communications of the ACM 52, 2009.
"""

from ._draw import draw
from ._limits import Limits, measure_limits
from ._measure import STEPS, Roofline, measure
from ._points import Point

__all__ = ["STEPS", "Limits", "Point", "Roofline", "draw", "measure", "measure_limits"]
