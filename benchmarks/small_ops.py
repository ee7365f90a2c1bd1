"""What one small operation costs from Python: tinytorch beside NumPy and, where installed, PyTorch.

    python benchmarks/small_ops.py [--json FILE] [--rounds N]

Each round times every contender in turn, one thread; the table gives the median of the rounds in
microseconds and the ratio to ours with its quartiles. Below a few hundred elements the arithmetic
is a few nanoseconds, so these figures are overhead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinytorch import Tensor, _core
from tinytorch.capstone import SimpleMLP
from tinytorch.core.autograd import no_grad


def torch_contenders() -> dict[str, Callable[[], object]]:
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    mlp = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 3))
    row, wide, weight = torch.randn(1, 10), torch.randn(1, 20), torch.randn(10, 20)

    def forward() -> object:
        with torch.no_grad():
            return mlp(row)

    return {
        "SimpleMLP forward, 1 row": forward,
        "add (1, 20)": lambda: wide + wide,
        "multiply by a number (1, 20)": lambda: wide * 2.0,
        "relu (1, 20)": lambda: torch.relu(wide),
        "matmul (1, 10) (10, 20)": lambda: row @ weight,
        "sum (1, 20)": lambda: wide.sum(),
    }


def numpy_contenders(mlp: SimpleMLP) -> dict[str, Callable[[], object]]:
    w1, b1, w2, b2 = (p.data for p in mlp.parameters())
    rng = np.random.default_rng(0)
    row = rng.standard_normal((1, 10), dtype=np.float32)
    wide = rng.standard_normal((1, 20), dtype=np.float32)
    weight = rng.standard_normal((10, 20), dtype=np.float32)
    return {
        "SimpleMLP forward, 1 row": lambda: np.maximum(row @ w1 + b1, 0) @ w2 + b2,
        "add (1, 20)": lambda: wide + wide,
        "multiply by a number (1, 20)": lambda: wide * 2.0,
        "relu (1, 20)": lambda: np.maximum(wide, 0),
        "matmul (1, 10) (10, 20)": lambda: row @ weight,
        "sum (1, 20)": lambda: wide.sum(),
    }


def our_contenders(mlp: SimpleMLP) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    row = Tensor(rng.standard_normal((1, 10)))
    wide = Tensor(rng.standard_normal((1, 20)))
    weight = Tensor(rng.standard_normal((10, 20)))
    relu = _core.ops.relu

    def forward() -> object:
        with no_grad():
            return mlp.forward(row)

    return {
        "SimpleMLP forward, 1 row": forward,
        "add (1, 20)": lambda: wide + wide,
        "multiply by a number (1, 20)": lambda: wide * 2.0,
        "relu (1, 20)": lambda: relu(wide),
        "matmul (1, 10) (10, 20)": lambda: row @ weight,
        "sum (1, 20)": lambda: wide.sum(),
    }


def microseconds(fn: Callable[[], object], calls: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        fn()
    return (time.perf_counter_ns() - start) / calls / 1000


def measure(rounds: int) -> list[dict]:
    mlp = SimpleMLP()
    contenders = {
        "tinytorch": our_contenders(mlp),
        "numpy": numpy_contenders(mlp),
        "torch": torch_contenders(),
    }
    rows = []
    for name in contenders["tinytorch"]:
        times: dict[str, list[float]] = {who: [] for who, fns in contenders.items() if fns}
        for _ in range(rounds):
            for who in times:
                times[who].append(microseconds(contenders[who][name], 2000))
        rows.append({"operation": name, "microseconds": times})
    return rows


def print_table(rows: list[dict]) -> None:
    print("| operation | tinytorch us | numpy us (ratio) | torch us (ratio) |\n|---|---|---|---|")
    for row in rows:
        times = row["microseconds"]
        cells = [f"{statistics.median(times['tinytorch']):.2f}"]
        for who in ("numpy", "torch"):
            if who not in times:
                cells.append("not installed")
                continue
            ratios = [t / o for t, o in zip(times[who], times["tinytorch"], strict=True)]
            low, mid, high = statistics.quantiles(ratios, n=4)
            cells.append(
                f"{statistics.median(times[who]):.2f} ({mid:.2f}x, {low:.2f} to {high:.2f})"
            )
        print(f"| {row['operation']} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the raw times here")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    rows = measure(args.rounds)
    print(f"{_core.cpu_name()}, ISA {_core.active_isa()}, one thread, {args.rounds} rounds")
    print_table(rows)
    if args.json:
        with Path(args.json).open("w") as file:
            json.dump(
                {"cpu": _core.cpu_name(), "isa": _core.active_isa(), "rows": rows}, file, indent=1
            )


if __name__ == "__main__":
    _core.set_num_threads(1)
    main()
