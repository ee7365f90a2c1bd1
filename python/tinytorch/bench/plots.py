"""Plots of benchmark results, where matplotlib is installed; otherwise a printed notice."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:  # an import hook that blocks it
        return False


MATPLOTLIB_AVAILABLE = _installed("matplotlib")


def bars(results: Any, titles: dict[str, str], folder: Path | None) -> None:
    if not _possible(results):
        return
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(4 * len(results), 4), squeeze=False)
    for axis, (metric, by_model) in zip(axes[0], results.items(), strict=True):
        names = list(by_model)
        means = [by_model[name].mean for name in names]
        axis.bar(names, means, yerr=[by_model[name].std for name in names])
        axis.set_title(titles.get(metric, metric))
    figure.tight_layout()
    _finish(plt, figure, folder, "benchmark_comparison.png")


def scatter(results: Any, x_metric: str, y_metric: str, folder: Path | None) -> None:
    if not _possible(results):
        return
    for metric in (x_metric, y_metric):
        if metric not in results:
            print(f"No results for {metric!r}; there are {', '.join(results)}.")
            return
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    for name, x in results[x_metric].items():
        axis.scatter(x.mean, results[y_metric][name].mean, label=name)
    axis.set_xlabel(x_metric)
    axis.set_ylabel(y_metric)
    axis.legend()
    _finish(plt, figure, folder, f"pareto_{x_metric}_{y_metric}.png")


def _possible(results: Any) -> bool:
    if not results:
        print("No results to plot: call run_full_benchmark() first.")
    elif not MATPLOTLIB_AVAILABLE:
        print("Plots need matplotlib: pip install matplotlib")
    return bool(results) and MATPLOTLIB_AVAILABLE


def _finish(plt: Any, figure: Any, folder: Path | None, name: str) -> None:
    if folder is not None:
        figure.savefig(folder / name)
    else:
        plt.show()
    plt.close(figure)
