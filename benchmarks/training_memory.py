"""Peak memory of training steps, ours beside PyTorch's, each in a process of its own.

    python benchmarks/training_memory.py --json benchmarks/results/training_memory.json

The workloads are those of `cnn_train` and `gpt_train` in ../shared/peers. "Steps" is the peak of
the process beyond what it held when model and data were ready: activations, gradients, buffers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
CASES = ["swiftcnn_b128", "resnet18_b128", "char_12x256", "gpt2_4x64"]
ENGINES = ["tinytorch", "torch", "tinytorch-bf16", "torch-bf16"]
STEPS = 3


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(name: str, engine: str) -> dict[str, float]:
    """Runs in the child process."""
    sys.path[:0] = [str(SHARED), str(ROOT / "benchmarks")]
    from peers import workloads

    case = next(c for c in [*workloads.cnn_train(), *workloads.gpt_train()] if c.name == name)
    if engine.startswith("torch"):
        from peers import peer_torch

        peer = {"torch": peer_torch.Torch, "torch-bf16": peer_torch.TorchBf16}[engine](1)
    else:
        import peers_adapter as adapter

        peer = {"tinytorch": adapter.Tinytorch, "tinytorch-bf16": adapter.TinytorchBf16}[engine](1)
    step = getattr(peer, case.workload)(case)
    ready = resident_mb()
    for _ in range(STEPS):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"ready_mb": round(ready), "peak_mb": round(peak), "steps_mb": round(peak - ready)}


def in_own_process(name: str, engine: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, engine]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not (SHARED / "peers").is_dir():
        raise SystemExit("the workloads are missing: ../shared/peers must lie beside the checkout")
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    rows = []
    print(f"{'workload':15} {'engine':15} {'ready MB':>9} {'peak MB':>9} {'steps MB':>9}")
    for name in CASES:
        for engine in ENGINES:
            row = {"workload": name, "engine": engine, **in_own_process(name, engine)}
            print("{workload:15} {engine:15} {ready_mb:9} {peak_mb:9} {steps_mb:9}".format(**row))
            rows.append(row)
    if options.json:
        options.json.write_text(json.dumps({"steps": STEPS, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
