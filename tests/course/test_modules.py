"""The course's twenty modules as a student writes them (modules/): each script builds its module's
classes in plain NumPy on top of the package's earlier modules, uses both together and compares
them. Every script runs in a process of its own, as course programs do: module 05 replaces methods
of Tensor.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent / "modules").glob("*.py"))


def run(arguments, folder):
    environment = {**os.environ, "TINYTORCH_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )


def test_there_is_a_script_for_each_module():
    assert [path.name[:2] for path in SCRIPTS] == [f"{n:02}" for n in range(1, 21)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_module(script, tmp_path):
    done = run([script], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last == f"module {script.name[:2]}: all checks passed", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_all_modules_in_one_interpreter(tmp_path):
    """As the cells of one notebook: what a module patches, it puts back."""
    names = [str(path) for path in SCRIPTS if "unittest.main" not in path.read_text("utf-8")]
    code = (
        "import runpy\n"
        "from tinytorch import Tensor, ReLU, Linear\n"
        "def look():  # copyreg notes slot names in classes that were pickled\n"
        "    return [{**vars(c), '__slotnames__': 0} for c in (Tensor, ReLU, Linear)]\n"
        "before = look()\n"
        f"for name in {names!r}: runpy.run_path(name, run_name='__main__')\n"
        "assert before == look()\n"
    )
    done = run(["-c", code], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("all checks passed") == len(names) >= 15
