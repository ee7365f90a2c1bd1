"""The Python blocks of the guides run as they stand, each page from top to bottom."""

import re
from pathlib import Path

import numpy as np
import pytest

GUIDES = sorted((Path(__file__).parents[2] / "docs" / "guide").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", GUIDES, ids=lambda p: p.stem)
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = np.random.get_state()
    text = page.read_text(encoding="utf-8")
    names: dict = {"__name__": "guide"}
    try:
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 1
            code = compile("\n" * line + match.group(1), str(page), "exec")
            exec(code, names)
    finally:
        np.random.set_state(state)


def test_the_first_hour_has_blocks() -> None:
    page = next(p for p in GUIDES if p.stem == "first_hour")
    assert len(BLOCK.findall(page.read_text(encoding="utf-8"))) >= 6
