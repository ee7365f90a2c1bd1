"""Header libraries: system packages, pinned downloads, and one message when there is neither."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("xtl", "xtensor", "xsimd", "nlohmann_json", "stb", "Catch2")


def test_every_download_is_pinned_by_hash() -> None:
    text = (ROOT / "cmake" / "Dependencies.cmake").read_text()
    urls = re.findall(r"https://\S+\.tar\.\S+", text)
    pins = re.findall(r"URL https://\S+/v?\d+\.\d+\.\d+\.tar\.gz\s+SHA256 [0-9a-f]{64}\)", text)
    pins += re.findall(r"tt_fetch\(stb \S+ [0-9a-f]{64} ", text)
    assert len(urls) == len(pins) == len(LIBRARIES)


def test_nothing_else_downloads() -> None:
    others = [p for p in ROOT.glob("c*/**/*.cmake") if p.name != "Dependencies.cmake"]
    others += [ROOT / "CMakeLists.txt", *ROOT.glob("cpp/**/CMakeLists.txt")]
    assert [
        p for p in others if re.search(r"FetchContent|ExternalProject|https?:", p.read_text())
    ] == []


def test_one_message_names_both_remedies_when_there_is_neither(tmp_path: Path) -> None:
    cmake = shutil.which("cmake", path=f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}")
    if cmake is None or shutil.which("c++") is None:
        pytest.skip("needs CMake and a C++ compiler")
    nowhere = "http://127.0.0.1:9"  # the discard port: nobody listens
    options = ["-DTINYTORCH_BUILD_PYTHON=OFF", "-DTINYTORCH_BUILD_TESTS=ON"]
    hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in LIBRARIES]
    done = subprocess.run(
        [cmake, "-S", ROOT, "-B", tmp_path, *options, *hidden],
        env={**os.environ, "https_proxy": nowhere, "HTTPS_PROXY": nowhere},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.count("CMake Error") == 1, done.stderr
    assert ", ".join(LIBRARIES) in done.stderr
    assert (
        "apt-get install libxtensor-dev libxsimd-dev nlohmann-json3-dev libstb-dev catch2"
        in done.stderr
    )
    assert "https://github.com" in done.stderr
