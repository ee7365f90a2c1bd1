"""Checkpoints: what is saved comes back; no crash, full disk or damage loses the last whole one.

faults.c, preloaded into a child, strikes at every single file operation of a save in turn.
"""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.checkpoint import (
    CheckpointWarning,
    load_checkpoint,
    load_latest,
    save_checkpoint,
)

HERE = Path(__file__).parent


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def saved(folder: Path, value: int) -> Path:
    return save_checkpoint(folder, {"w": np.full(100, float(value))}, {"value": value})


def latest_value(folder: Path) -> int:
    found = load_latest(folder)
    assert (found.tensors["w"] == found.state["value"]).all()
    return found.state["value"]


# ---- saving and loading ------------------------------------------------------------------------


def test_round_trip(tmp_path):
    state = {
        "step": 12,
        "nested": {"list": [1, 2.5, None, True, "é"], "0.1": 0.1 + 0.2},
        "nan": float("nan"),
        "inf": [-float("inf")],
        "array": np.arange(3, dtype=np.int64),
        "by number": {3: "three"},
    }
    tensors = {"w": np.ones((2, 3), np.float32), "t": Tensor([1.0, 2.0])}
    path = save_checkpoint(tmp_path / "new" / "folder", tensors, state)
    for found in (load_latest(tmp_path / "new" / "folder"), load_checkpoint(path)):
        assert set(found.tensors) == {"w", "t"}
        assert found.tensors["w"].tobytes() == tensors["w"].tobytes()
        assert found.tensors["t"].tolist() == [1.0, 2.0]
        found.tensors["w"][0] = 5  # an ordinary array
        assert found.state["nested"] == state["nested"]
        assert np.isnan(found.state["nan"])
        assert found.state["inf"] == [-float("inf")]
        assert found.state["array"].tolist() == [0, 1, 2]
        assert found.state["by number"] == {3: "three"}
        assert (found.number, found.path, found.skipped) == (1, path, [])


def test_the_previous_one_is_kept_and_older_ones_go(tmp_path):
    for value in range(5):
        saved(tmp_path, value)
    stems = ["checkpoint-00000004", "checkpoint-00000005"]
    assert names(tmp_path) == sorted(s + e for s in stems for e in (".json", ".safetensors"))
    save_checkpoint(tmp_path, {}, keep=1)
    assert names(tmp_path) == ["checkpoint-00000006.json", "checkpoint-00000006.safetensors"]


def test_nothing_saved_yet(tmp_path):
    assert load_latest(tmp_path) is None
    assert load_latest(tmp_path / "missing") is None


def test_arguments_are_checked(tmp_path):
    with pytest.raises(ValueError, match="keep"):
        save_checkpoint(tmp_path, {}, keep=0)
    with pytest.raises(ValueError, match="begin with"):
        save_checkpoint(tmp_path, {"$state.x": np.ones(1)})
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path, {"w": np.ones(1)}, {"a": object()})
    assert names(tmp_path) == []


# ---- damage ------------------------------------------------------------------------------------


def damage(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(data[:-7])
    elif kind == "longer":
        path.write_bytes(data + b"\0")
    elif kind == "zeros":
        path.write_bytes(bytes(len(data)))
    else:
        data[len(data) // 2] ^= 4
        path.write_bytes(data)


KINDS = ["missing", "empty", "truncated", "longer", "zeros", "one bit"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path, kind, suffix):
    saved(tmp_path, 1)
    path = saved(tmp_path, 2).with_suffix(suffix)
    damage(path, kind)
    with pytest.warns(CheckpointWarning, match=r"checkpoint-00000002 is (damaged|incomplete)"):
        assert latest_value(tmp_path) == 1
    saved(tmp_path, 3)  # goes on, and a later save leaves two whole ones
    saved(tmp_path, 4)
    assert latest_value(tmp_path) == 4
    damage(tmp_path / "checkpoint-00000004.safetensors", "one bit")
    with pytest.warns(CheckpointWarning, match="SHA-256"):
        assert latest_value(tmp_path) == 3


def test_any_flipped_bit_is_noticed(tmp_path):
    path = saved(tmp_path, 1)
    rng = random.Random(0)
    for file in (path, path.with_suffix(".safetensors")):
        good = file.read_bytes()
        for _ in range(80):
            bad = bytearray(good)
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            file.write_bytes(bad)
            try:
                found = load_checkpoint(path)
            except ValueError:
                continue
            # Only what means the same may pass: white space of the JSON text.
            assert json.loads(bad) == json.loads(good)
            assert found.state == {"value": 1}
        file.write_bytes(good)


def test_all_damaged_is_an_error_and_not_a_fresh_start(tmp_path):
    for value in (1, 2):
        damage(saved(tmp_path, value), "one bit")
    with pytest.raises(ValueError, match=r"no whole checkpoint.*00000002.*00000001"):
        load_latest(tmp_path)


def test_a_checkpoint_does_not_lead_outside_its_folder(tmp_path):
    path = saved(tmp_path, 1)
    document = json.loads(path.read_text())
    assert "file" not in document["tensors"]
    assert "safetensors" not in path.read_text()


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "tinytorch-checkpoint"}', "null", "["])
def test_other_json_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "checkpoint-00000001.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="checkpoint-00000001"):
        load_checkpoint(path)


# ---- faults at every file operation ------------------------------------------------------------

DRIVER = """
import ctypes, os, sys
import numpy as np
from tinytorch.checkpoint import save_checkpoint, load_latest

faults = ctypes.CDLL(os.environ["LD_PRELOAD"])
folder, mode, code = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def save(value):
    return save_checkpoint(folder, {"w": np.full(100, float(value))}, {"value": value})

def strike(n):
    '''Save 3 in a child, with the fault at operation n. How the child ended.'''
    pid = os.fork()
    if pid == 0:
        faults.faults_arm(n, mode, code)
        try:
            save(3)
        except OSError as error:
            faults.faults_disarm()
            os._exit(10 if error.errno == code else 11)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

for value in (1, 2):
    save(value)
faults.faults_arm(0, 0, 0)
save(2)
operations = faults.faults_count()
faults.faults_disarm()
import json, shutil, warnings
warnings.simplefilter("ignore")
base = folder + "-base"
shutil.copytree(folder, base)
results = []
for n in range(1, operations + 1):
    shutil.rmtree(folder)
    shutil.copytree(base, folder)
    ended = strike(n)
    found = load_latest(folder)
    whole = bool((found.tensors["w"] == found.state["value"]).all())
    left = sorted(os.listdir(folder))
    save(4)
    after = load_latest(folder)
    results.append([n, ended, found.state["value"], whole, left, after.state["value"],
                    len(after.skipped), sorted(os.listdir(folder))])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler and LD_PRELOAD")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    command = [compiler, "-O1", "-shared", "-fPIC", HERE / "faults.c", "-o", library, "-ldl"]
    subprocess.run(command, check=True)
    return library


def strike_everywhere(faults: Path, folder: Path, mode: int, code: int = 0) -> list:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRIVER, folder, str(mode), str(code)],
        env={**os.environ, "LD_PRELOAD": str(faults)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert len(results) >= 9  # open, write, fsync, rename, fsync for each file, and the removals
    return results


@pytest.mark.parametrize("mode", [1, 2], ids=["before the call", "in the middle of a write"])
def test_killed_at_any_file_operation(faults, tmp_path, mode):
    results = strike_everywhere(faults, tmp_path / "c", mode)
    assert {ended for _, ended, *_ in results} == {-signal.SIGKILL}
    assert {value for _, _, value, *_ in results} == {2, 3}
    for _, _, _, whole, _, after, skipped, left in results:
        assert whole
        assert (after, skipped) == (4, 0)
        assert len(left) == 4  # two whole checkpoints, and no leftovers


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("mode", [0, 3], ids=["failing call", "half a write, then failure"])
def test_any_failing_file_operation(faults, tmp_path, code, mode):
    results = strike_everywhere(faults, tmp_path / "c", mode, code)
    # A failing removal of something old is no failure of the save.
    assert {ended for _, ended, *_ in results} <= {0, 10}
    assert sum(ended == 10 for _, ended, *_ in results) >= 8
    for _, ended, value, whole, left, after, skipped, _ in results:
        assert whole
        assert value == 3 if ended == 0 else value in (2, 3)
        assert not [name for name in left if name.endswith(".tmp")] or ended == 0
        assert (after, skipped) == (4, 0)


def test_a_full_disk_is_an_oserror(faults, tmp_path):
    code = f"""
import ctypes, os, numpy as np
from tinytorch.checkpoint import save_checkpoint
ctypes.CDLL(os.environ["LD_PRELOAD"]).faults_arm(2, 0, {errno.ENOSPC})
try:
    save_checkpoint({str(tmp_path)!r}, {{"w": np.ones(5)}})
except OSError as error:
    print(error.errno, error.strerror)
"""
    environment = {**os.environ, "LD_PRELOAD": str(faults)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.stdout.startswith(str(errno.ENOSPC)), run.stderr
    assert names(tmp_path) == []


# ---- killed at random moments ------------------------------------------------------------------

WRITER = """
import sys, numpy as np
from tinytorch.checkpoint import load_latest, save_checkpoint
folder = sys.argv[1]
import warnings
warnings.simplefilter("ignore")
found = load_latest(folder)
value = 0 if found is None else found.state["value"]
print("ready", flush=True)
while True:
    value += 1
    save_checkpoint(folder, {"w": np.full(200_000, float(value))}, {"value": value})
    print(value, flush=True)
"""


def test_killed_at_random_moments(tmp_path):
    """Every kill leaves the last checkpoint that was reported saved, or a newer one."""
    rng = random.Random(7)
    reported = 0
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.2))
        writer.kill()
        lines = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        reported = int(lines[-1]) if lines else reported
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)
            found = load_latest(tmp_path)
        if found is None:
            assert reported == 0
            continue
        assert found.state["value"] in (reported, reported + 1)
        assert (found.tensors["w"] == found.state["value"]).all()
        reported = found.state["value"]
    assert reported >= 5


def test_two_writers_take_turns(tmp_path):
    code = """
import sys, numpy as np
from tinytorch.checkpoint import save_checkpoint
for i in range(25):
    save_checkpoint(sys.argv[1], {"w": np.full(1000, float(i))}, {"value": i})
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    found = load_latest(tmp_path)
    assert found.number == 50
    assert (found.tensors["w"] == found.state["value"]).all()
    assert len(names(tmp_path)) == 4
