"""A trained network's latency and throughput beside ONNX Runtime and OpenVINO, with its weights.

    python benchmarks/cifar_inference.py --float FLOAT_MODEL --int8 INT8_MODEL --json results.json

Contenders have a process each and take turns of 0.3 seconds. A ratio compares turns that followed
each other; its spread is from the lower to the upper quartile. Above 1 ours is faster.
"""

from __future__ import annotations

import argparse
import json
import statistics
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from contender import Contender, quartiles
from tinytorch import _core

WORKER = Path(__file__).resolve().parent / "cifar" / "inference_worker.py"


def compare(models: dict[str, str], batch: int, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds per call by contender; `models` names whom and with which file."""
    contenders = {
        who: Contender(WORKER, [who, path, str(batch), str(threads)], threads)
        for who, path in models.items()
    }
    seconds: dict[str, list[float]] = {who: [] for who in models}
    try:
        for _ in range(rounds):
            for who, contender in contenders.items():
                seconds[who].append(contender.ask())
    finally:
        for contender in contenders.values():
            contender.close()
    return {"batch": batch, "threads": threads, "seconds": seconds}


def print_rows(precision: str, result: dict[str, Any]) -> None:
    batch, seconds = result["batch"], result["seconds"]
    for who, values in seconds.items():
        ratios = [b / a for a, b in zip(seconds["tinytorch"], values, strict=True)]
        each = statistics.median(values)
        print(
            f"| {precision} | {batch} | {result['threads']} | {who} | {each * 1e6:,.1f} | "
            f"{batch / each:,.0f} | {quartiles(ratios)} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--float", required=True, help="saved float32 network")
    parser.add_argument("--int8", required=True, help="the int8 one made of it, or a shipped name")
    parser.add_argument("--weights", default="f32,int8")
    parser.add_argument("--batches", default="1,256")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    contenders = {
        "f32": dict.fromkeys(("tinytorch", "ort", "openvino"), args.float),
        # The peers quantize the float network in their own way.
        "int8": {"tinytorch": args.int8, "ort-int8": args.float, "openvino-int8": args.float},
    }
    today = datetime.now(timezone.utc).date().isoformat()
    print(f"{_core.cpu_name()}, {_core.active_isa()}, {today}\n")
    print("| weights | batch | threads | engine | us per call | images/s | ours is faster by |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for precision in args.weights.split(","):
        models = contenders[precision]
        for batch in args.batches.split(","):
            for threads in args.threads.split(","):
                result = compare(models, int(batch), int(threads), args.rounds)
                rows.append({"weights": precision, **result})
                print_rows(precision, result)
    if args.json:
        args.json.write_text(json.dumps({"date": today, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
