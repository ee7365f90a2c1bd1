"""Run the peer benchmarks with our adapters among the engines and write what came out.

    python benchmarks/peers.py --peers torch,ort --workloads gemm_f32,gpt_decode/char --threads 1,2

Writes benchmarks/results/peers/ISA.json and docs/performance/ISA.md, ISA being the widest
instructions of this machine (`tinytorch info`), and docs/performance.md, which lists them. Rows
measured again replace those that are there; the others stay, marked with the run that they come
from. Further options go to the benchmarks (`--rounds 3`, `--quiet 10`). They are in
../shared/peers, beside the checkout; engines that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import performance_page
from contender import ROOT, revision
from tinytorch import _core

SHARED = ROOT.parent / "shared"
MACHINE = _core.supported_isas()[-1]
RESULTS = ROOT / "benchmarks" / "results" / "peers" / f"{MACHINE}.json"
ADAPTERS = ["Tinytorch", "TinytorchBf16", "TinytorchInt8", "TinytorchInt4"]


def run_peers(workload: str, options: argparse.Namespace, rest: list[str]) -> None:
    adapters = [a for name in ADAPTERS for a in ("--adapter", f"peers_adapter:{name}")]
    command = [
        sys.executable, "-m", "peers", "--peers", options.peers, "--workloads", workload,
        "--threads", options.threads, *adapters, "--append", "--json", str(RESULTS), *rest,
    ]  # fmt: skip
    here = str(Path(__file__).resolve().parent)
    environment = os.environ | {"PYTHONPATH": here, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=SHARED, env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", default="torch,ort,openvino,llama,numpy")
    parser.add_argument("--workloads", default="gemm_f32,mlp_latency,elementwise")
    parser.add_argument("--threads", default="1,2")
    options, rest = parser.parse_known_args()
    if not (SHARED / "peers").is_dir():
        raise SystemExit(
            "the peer benchmarks are missing: ../shared/peers must lie beside the checkout"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    measured = revision()  # before the results make the checkout differ
    for workload in options.workloads.split(","):  # an interrupted run keeps what it has measured
        run_peers(workload, options, rest)
        data = json.loads(RESULTS.read_text())
        data["commit"] = measured
        data["date"] = time.strftime("%Y-%m-%d")
        data["command"] = "make bench-peers"
        RESULTS.write_text(json.dumps(data, indent=1))
        performance_page.write(RESULTS.parent, ROOT / "docs")
    print(performance_page.summary(data["results"]))


if __name__ == "__main__":
    main()
