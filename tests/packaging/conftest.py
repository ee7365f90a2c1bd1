"""sdist and wheel take minutes of compiling: they are made beside the other tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = (
    '"{python}" -m build --sdist --outdir . "{root}" && '
    '"{python}" -m pip wheel --no-deps --wheel-dir . tinytorch-*.tar.gz'
)


class Dists:
    """A running build of both, in a folder of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tinytorch-dists-")
        self.folder = Path(self._folder.name)
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        with (self.folder / "log.txt").open("w") as log:
            self._process = subprocess.Popen(
                ["nice", "-n", "5", "sh", "-c", STEPS.format(python=sys.executable, root=ROOT)],
                cwd=self.folder,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> Path:
        if self._process.wait() != 0:
            pytest.fail((self.folder / "log.txt").read_text()[-4000:])
        return self.folder

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
            self._process.wait()
        self._folder.cleanup()


_running: list[Dists] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any("wheel" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        _running.append(Dists())


def pytest_sessionfinish() -> None:
    while _running:
        _running.pop().close()


@pytest.fixture(scope="session")
def dists() -> Path:
    if not _running:
        _running.append(Dists())
    return _running[0].wait()


@pytest.fixture(scope="session")
def sdist(dists: Path) -> Path:
    return next(dists.glob("tinytorch-*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(dists: Path) -> Path:
    return next(dists.glob("tinytorch-*.whl"))
