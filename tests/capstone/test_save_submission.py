"""Saving: validated first, replaced atomically, never torn; loading is as strict."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from submission_documents import course_form, current_form

from tinytorch.capstone import SubmissionSchemaError, load_submission, save_submission


def test_saves_indented_json_and_returns_the_path(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    assert save_submission(current_form(), path) == path
    assert save_submission(current_form(), str(path)) == str(path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == current_form() == load_submission(path)
    assert text == json.dumps(current_form(), indent=2) + "\n"


def test_default_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert save_submission(course_form()) == "submission.json"
    assert load_submission() == course_form()


def test_an_invalid_submission_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    save_submission(course_form(), path)
    before = path.read_bytes()
    broken = course_form()
    broken["baseline"]["metrics"]["accuracy"] = 2
    for bad in (broken, {}, {**course_form(), "x": {1}}):
        with pytest.raises(SubmissionSchemaError):
            save_submission(bad, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_errors_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        save_submission(course_form(), tmp_path / "missing" / "s.json")
    assert caught.value.filename == str(tmp_path / "missing" / "s.json")
    with pytest.raises(IsADirectoryError):
        save_submission(course_form(), tmp_path)
    with pytest.raises(OSError, match="/dev/null"):
        save_submission(course_form(), "/dev/null")
    with pytest.raises(FileNotFoundError):
        load_submission(tmp_path / "none.json")
    with pytest.raises(ValueError, match="null byte"):
        save_submission(course_form(), "a\0b")
    with pytest.raises(TypeError):
        save_submission(course_form(), 5)


def test_names_that_are_not_unicode(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")
    assert save_submission(course_form(), path) == path
    assert load_submission(path) == course_form()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        save_submission(course_form(), tmp_path / "s.json")


def run_in_child(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_a_write_that_fails_half_way(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    save_submission(course_form(), path)
    before = path.read_bytes()
    child = run_in_child(
        "import json, resource, signal, sys\n"
        "from tinytorch.capstone import load_submission, save_submission\n"
        "document = load_submission(sys.argv[1])\n"
        "document['notes'] = 'x' * 300_000\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: save_submission(document, sys.argv[1])\n"
        "except OSError as error: print(error.errno)\n",
        str(path),
    )
    assert child.communicate(timeout=60)[0].strip() == str(errno.EFBIG)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    save_submission(course_form(), path)
    code = (
        "import sys\n"
        "from tinytorch.capstone import load_submission, save_submission\n"
        "document = load_submission(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "size = 0\n"
        "while True:\n"
        "    size = (size + 40_000) % 400_000\n"
        "    save_submission({**document, 'notes': ['x' * size, size]}, sys.argv[1])\n"
    )
    for round_ in range(5):
        child = run_in_child(code, str(path))
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.005 + 0.013 * round_)
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
        child.stdout.close()
        notes = load_submission(path).get("notes", ["", 0])
        assert len(notes[0]) == notes[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"), ("{", "not JSON"), ("{'a': 1}", "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": 1, "a": 2}', "occurs twice"), ("[" * 100_000, "deeper than 64"),
        ('"\ud800"', "not JSON"),
        ('{"a": 123456789012345678901234567890}', "64 bits"), ("{} x", "not JSON"),
    ],
)  # fmt: skip
def test_files_that_are_not_strict_json(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ValueError, match=words) as caught:
        load_submission(path)
    assert str(path) in str(caught.value)


def test_a_file_is_validated_when_loaded(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    broken: dict[str, Any] = course_form()
    broken["baseline"]["metrics"]["parameter_count"] = True
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(SubmissionSchemaError, match="parameter_count"):
        load_submission(path)


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ValueError, match="64 MiB"):
        load_submission("/dev/zero")
