"""Write docs/performance.md and a page of every machine from the peer benchmarks' results.

    python benchmarks/performance_page.py benchmarks/results/peers docs

Every row of ours stands beside the fastest peer of the same number format in the same run, won or
lost. A ratio is the peer's time divided by ours: above 1, ours is faster.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]

FORMATS = {
    "f32": ["torch", "torch-onednn", "torch-compile", "torch-jit", "ort", "openvino", "llama-f32",
            "jax", "numpy", "numpy-avx512"],
    "bf16": ["torch-bf16", "llama-f16"],
    "int8": ["torch-int8", "torch-wo8", "ort-int8", "openvino-int8", "llama-q8_0"],
    "int4": ["ort-int4", "llama-q4_0"],
}  # fmt: skip
OURS = {
    "Tinytorch": "f32", "TinytorchBf16": "bf16", "TinytorchInt8": "int8", "TinytorchInt4": "int4",
}  # fmt: skip
UNITS = {
    "gemm_f32": "GFLOP/s", "gemm_int8": "GOP/s", "linear_int8": "GOP/s", "gemv": "GB/s",
    "mlp_latency": "ns", "cnn_infer": "images/s", "cnn_train": "images/s", "gpt_decode": "tokens/s",
    "gpt_batch_decode": "tokens/s", "gpt_prefill": "tokens/s", "gpt_train": "tokens/s",
    "elementwise": "GB/s",
}  # fmt: skip

MACHINES = {
    "amx": "Xeon with AMX, two virtual cores",
    "avx512_bf16": "EPYC with AVX-512 BF16, two virtual cores",
}

INTRODUCTION = """\
# Performance beside other engines

Pinned workloads, the same weights and inputs for every engine, all engines in turns in one run,
each in a process of its own. A ratio is the fastest peer's time divided by ours, by medians and, in
brackets, by the best samples; above 1, ours is faster. Spread is how far the 90th percentile lies
above the median, ours and the peer's. Rows are compared within one number format; rows that we lose
are in bold. Where a machine has AMX, our float32 training multiplies floats as three bfloat16
pieces each, to float32 rounding ([ADR 15](adr/0015-float-products-on-bfloat16-units.md)).

| machine | rows that have a peer | ours first | behind |
|---|---|---|---|
"""


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(row: Row) -> str:
    return f"{row['p90_s'] / row['median_s'] - 1:.0%}"


def comparison(ours: Row, peer: Row) -> tuple[str, str]:
    """Return the ratio by medians and best samples, and the two spreads."""
    median, best = peer["median_s"] / ours["median_s"], peer["min_s"] / ours["min_s"]
    ratio = f"{median:.2f} ({best:.2f})"
    return (f"**{ratio}**" if median < 1 else ratio), f"{spread(ours)} / {spread(peer)}"


def groups(results: list[Row]) -> dict[tuple[str, str, int], dict[str, Row]]:
    """Rows by workload, case and threads, then by engine; rows that failed are left out."""
    found: dict[tuple[str, str, int], dict[str, Row]] = {}
    for row in results:
        if "median_s" in row:
            key = (row["workload"], row["case"], row["threads"])
            found.setdefault(key, {})[row["peer"]] = row
    return found


def same_run(rows: dict[str, Row], ours: Row, names: list[str]) -> list[Row]:
    return [rows[n] for n in names if n in rows and rows[n].get("run") == ours.get("run")]


def ratio_table(results: list[Row], workload: str) -> list[str]:
    lines = [
        f"## {workload} [{UNITS.get(workload, '')}]",
        "",
        "| case | threads | format | ours | fastest peer | ratio | spread, ours / peer |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, case, threads), rows in groups(results).items():
        if name != workload:
            continue
        for engine, form in OURS.items():
            if engine not in rows:
                continue
            ours = rows[engine]
            others = same_run(rows, ours, FORMATS[form])
            if not others:
                lines.append(
                    f"| {case} | {threads} | {form} | {figure(ours['value'])} | none | | |"
                )
                continue
            peer = min(others, key=lambda r: r["median_s"])
            ratio, noise = comparison(ours, peer)
            lines.append(
                f"| {case} | {threads} | {form} | {figure(ours['value'])} "
                f"| {peer['peer']} {figure(peer['value'])} | {ratio} | {noise} |"
            )
    return [*lines, ""]


def all_engines(results: list[Row], workload: str) -> list[str]:
    """Medians of every engine: engines down, cases across."""
    lines = []
    mine = {k: v for k, v in groups(results).items() if k[0] == workload}
    for threads in sorted({k[2] for k in mine}):
        cases = [k[1] for k in mine if k[2] == threads]
        engines = sorted({e for k in mine if k[2] == threads for e in mine[k]})
        lines += [
            f"**{workload}**, {threads} thread{'s' if threads > 1 else ''}",
            "",
            "| engine | " + " | ".join(cases) + " |",
            "|---" * (len(cases) + 1) + "|",
        ]
        for engine in engines:
            cells = (mine[workload, c, threads].get(engine) for c in cases)
            shown = " | ".join("" if c is None else figure(c["value"]) for c in cells)
            lines.append(f"| {engine} | {shown} |")
        lines.append("")
    return lines


def limits_table(limits: dict[str, dict[str, float]]) -> list[str]:
    threads = sorted(limits, key=int)
    lines = ["| limit | " + " | ".join(f"{t} thread(s)" for t in threads) + " |"]
    lines.append("|---" * (len(threads) + 1) + "|")
    for name in limits[threads[0]]:
        lines.append(
            f"| {name} | " + " | ".join(figure(limits[t].get(name, 0)) for t in threads) + " |"
        )
    return [*lines, ""]


def tally(results: list[Row]) -> tuple[int, int]:
    """Rows of ours that are the fastest of their format, and those that are not."""
    won = lost = 0
    for rows in groups(results).values():
        for engine, form in OURS.items():
            others = same_run(rows, rows[engine], FORMATS[form]) if engine in rows else []
            if others:
                faster = rows[engine]["median_s"] <= min(r["median_s"] for r in others)
                won, lost = won + faster, lost + (not faster)
    return won, lost


def summary(results: list[Row]) -> str:
    won, lost = tally(results)
    return f"Of {won + lost} rows that have a peer, ours is first in {won} and behind in {lost}."


def index(machines: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, data in machines.items():
        won, lost = tally(data["results"])
        title = MACHINES.get(name, name)
        lines.append(f"| [{title}](performance/{name}.md) | {won + lost} | {won} | {lost} |\n")
    return INTRODUCTION + "".join(lines)


def page(name: str, data: dict[str, Any]) -> str:
    results, machine = data["results"], data.get("machine", {})
    workloads = [w for w in UNITS if any(r["workload"] == w for r in results)]
    lines = [
        f"# {MACHINES.get(name, name)}",
        "",
        "How to read this: [performance](../performance.md).",
        "",
    ]
    lines += [summary(results), ""]
    lines += [f"- Date: {data['date']}", f"- Commit: {data.get('commit', 'unknown')}"]
    lines += [f"- Command: `{data.get('command', 'make bench-peers')}`"]
    lines += [f"- {key}: {machine[key]}" for key in machine if machine[key]]
    lines += [f"- {engine}: {version}" for engine, version in sorted(data["versions"].items())]
    lines.append("")
    for workload in workloads:
        lines += ratio_table(results, workload)
    if data.get("limits"):
        lines += ["## What the machine could do", "", *limits_table(data["limits"])]
    lines += ["## All engines", ""]
    for workload in workloads:
        lines += all_engines(results, workload)
    failed = [r for r in results if "error" in r]
    if failed:
        lines += ["## Not measured", ""]
        for r in failed:
            first = str(r["error"]).splitlines()[0][:100]
            lines.append(
                f"- {r['peer']}, {r['workload']}/{r['case']}, {r['threads']} thread(s): {first}"
            )
        lines.append("")
    return "\n".join(lines)


def write(results: Path, docs: Path) -> None:
    machines = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    (docs / "performance").mkdir(exist_ok=True)
    for name, data in machines.items():
        (docs / "performance" / f"{name}.md").write_text(page(name, data))
    (docs / "performance.md").write_text(index(machines))


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    write(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
