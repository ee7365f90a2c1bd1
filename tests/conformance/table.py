"""The conformance table: one row for every operator of the registry."""

from __future__ import annotations

from . import rows_conv, rows_elementwise, rows_linalg, rows_nn, rows_reduce, rows_shape
from .row import Row

ROWS: list[Row] = [
    *rows_elementwise.ROWS,
    *rows_reduce.ROWS,
    *rows_linalg.ROWS,
    *rows_shape.ROWS,
    *rows_nn.ROWS,
    *rows_conv.ROWS,
]
