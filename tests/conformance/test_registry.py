"""The table and the registry list the same operators, and no gradient goes unchecked."""

from tinytorch import _core

from .row import EPS32
from .table import ROWS

REGISTRY = _core.operator_registry()


def test_every_registered_operator_has_a_row():
    missing = sorted(set(REGISTRY) - {row.name for row in ROWS})
    assert not missing, f"add rows to tests/conformance for: {', '.join(missing)}"


def test_every_row_has_a_registered_operator():
    unknown = sorted({row.name for row in ROWS} - set(REGISTRY))
    assert not unknown, f"rows of operators that are not registered: {', '.join(unknown)}"
    assert len({row.name for row in ROWS}) == len(ROWS), "an operator has two rows"


def test_every_gradient_is_checked():
    claimed = {name for name, info in REGISTRY.items() if info["gradient"]}
    checked = {row.name for row in ROWS if row.gradients}
    assert checked == claimed


def test_the_registry_is_what_is_bound():
    bound = {name for name in dir(_core.ops) if not name.startswith("_")}
    assert bound == set(REGISTRY)
    assert all(getattr(_core.ops, name).__doc__ for name in bound)


def test_tolerances_are_rounding_bounds():
    """No row may hide an error behind a generous tolerance: 1000 ulps is one part in 8,000."""
    assert all(row.ulps <= 64 and row.grad_ulps <= 1000 for row in ROWS)
    assert EPS32 == 2.0**-23
