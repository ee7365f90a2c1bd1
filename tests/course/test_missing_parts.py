"""Capstone and olympics work without optional packages and later modules, and name what is missing
when it is asked for (contract 1.6 and 27, last row of its table but one)."""

import subprocess
import sys

BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in MISSING or any(name.startswith(m + ".") for m in MISSING):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""
OPTIONAL = ["matplotlib", "psutil", "rich", "typer", "torch", "safetensors", "jsonschema"]
LATER = [
    f"tinytorch.{name}"
    for name in ["perf", "bench", "benchmarking", "report", "train", "datasets", "cli", "nn"]
]
WORKFLOW = """
import numpy as np
from tinytorch import Tensor, SGD, CrossEntropyLoss
from tinytorch.capstone import SimpleMLP, BenchmarkReport, generate_submission, save_submission
from tinytorch.olympics import validate_submission_schema
x, y = Tensor(np.random.randn(12, 10)), np.arange(12) % 3
model = SimpleMLP()
loss = CrossEntropyLoss()(model(x), Tensor(y))
loss.backward()
SGD(model.parameters()).step()
report = BenchmarkReport("baseline")
report.benchmark_model(model, x, y, num_runs=2)
submission = generate_submission(report, report, "Ada", ["none"])
validate_submission_schema(submission)
save_submission(submission)
"""


def python(tmp_path, missing, code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"MISSING = {missing!r}\n{BLOCKED}\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_workflow_needs_none_of_them(tmp_path):
    assert python(tmp_path, OPTIONAL + LATER, WORKFLOW) == ""
    assert (tmp_path / "submission.json").exists()


def test_what_is_missing_is_named_when_it_is_asked_for(tmp_path):
    ask = """
class Model:
    def forward(self, x):
        return Tensor(np.ones((x.shape[0], 3)))
try:
    report.benchmark_model(Model(), x, y, num_runs=2)
except ImportError as error:
    print(error)
"""
    out = python(tmp_path, LATER, WORKFLOW + ask)
    assert "tinytorch.perf.profiling is missing" in out
    assert "count_parameters" in out


def test_plots_without_matplotlib_print_a_notice(tmp_path):
    code = """
from tinytorch.bench import MATPLOTLIB_AVAILABLE, BenchmarkSuite
class Model:
    name = "m"
    def forward(self, x):
        return x
assert MATPLOTLIB_AVAILABLE is False
suite = BenchmarkSuite([Model()], [], "out")
suite.run_full_benchmark()
suite.plot_results()
suite.plot_pareto_frontier()
"""
    out = python(tmp_path, ["matplotlib"], code)
    assert out.count("Plots need matplotlib") == 2
    assert list((tmp_path / "out").iterdir()) == []
