"""JSON files: strict reading, atomic writing."""

import pytest

from tinytorch.io import load_json, save_json


def test_round_trip(tmp_path):
    value = {"b": [1, 2.5, None, True, "é€😀\n"], "a": {}, "big": 2**70, "f": 0.1 + 0.2}
    save_json(tmp_path / "f.json", value)
    assert load_json(tmp_path / "f.json") == value
    assert list(load_json(tmp_path / "f.json")) == ["b", "a", "big", "f"]


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_non_finite_numbers_are_refused_and_the_old_file_kept(tmp_path, value):
    save_json(tmp_path / "f.json", 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        save_json(tmp_path / "f.json", value)
    assert load_json(tmp_path / "f.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["f.json"]


def test_other_types_are_refused(tmp_path):
    with pytest.raises(TypeError):
        save_json(tmp_path / "f.json", {"a": object()})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "NaN",
        '{"a": Infinity}',
        '{"a": 1, "a": 2}',
        "[1,]",
        "1 2",
        "{'a': 1}",
        '"\\ud8"',
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_unsound_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"f\.json"):
        load_json(path)


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    (tmp_path / "f.json").write_bytes(b'"\xff"')
    with pytest.raises(ValueError, match="not sound JSON"):
        load_json(tmp_path / "f.json")


def test_size_is_bounded(tmp_path):
    (tmp_path / "f.json").write_text(" " * 200 + "1")
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        load_json(tmp_path / "f.json", max_bytes=100)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_json(tmp_path / "missing")
