"""Commands for language models, on one that is trained for seconds."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tinytorch import recipes
from tinytorch.cli._run import run as run_program
from tinytorch.datasets import ShakespeareExcerpt
from tinytorch.models.language import LanguageModel, open_language_model, save_language_model

SMALL = recipes.TextRecipe(
    "small", width=32, layers=1, heads=2, length=32, steps=40, batch_size=8, matrix_lr=0.02,
    lr=5e-3, evaluate_every=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model, its text beside it."""
    made = tmp_path_factory.mktemp("gpt")
    (made / "input.txt").write_text(ShakespeareExcerpt().text[:20000], encoding="utf-8")
    text = recipes._text_run.TextFile(made / "input.txt")
    recipes.TextRun(SMALL, folder=made, text=text, progress=False).train()
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> str:
    assert run_program("tinytorch", [str(a) for a in arguments]) == code
    out, err = capsys.readouterr()
    return err if code else out


def test_train_by_recipe_and_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    file = tmp_path / "tinyshakespeare" / "input.txt"
    file.write_text(ShakespeareExcerpt().text[:20000], encoding="utf-8")
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    monkeypatch.setitem(recipes.TEXT_RECIPES, "quick", SMALL)
    out = run(capsys, "train", "gpt", "--out", tmp_path / "run", "--precision", "f32")
    assert "nats per character of the validation part" in out
    assert open_language_model(tmp_path / "run").notes["data"] == "tinyshakespeare"
    assert "earlier training" in run(capsys, "train", "gpt", "--out", tmp_path / "run", code=1)
    assert "no recipe" in run(capsys, "train", "gpt", "--recipe", "none", code=1)
    assert "--epochs" in run(capsys, "train", "gpt", "--epochs", "3", code=2)


def test_generate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("generate", "--model", folder, "--prompt", "To be", "--tokens", "90", "--seed", "1")
    streamed, whole = run(capsys, *command), run(capsys, *command, "--whole")
    assert streamed.startswith("To be")
    assert streamed.rsplit("\n", 2)[0] == whole.rsplit("\n", 2)[0]
    made = json.loads(run(capsys, *command, "--json"))
    assert streamed.startswith("To be" + made["text"])
    assert made["tokens"] == len(made["text"]) == 90  # more than the model's 32 positions
    assert made["finish_reason"] == "length"
    assert made["first_token_s"] > 0


def test_generate_stops_and_guesses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    greedy = ("generate", "--model", folder, "--prompt", "the", "--temperature", "0", "--json")
    plain = json.loads(run(capsys, *greedy, "--tokens", "28"))
    for extra in (("--speculate",), ("--draft", folder)):
        guessed = json.loads(run(capsys, *greedy, "--tokens", "28", *extra))
        assert guessed["text"] == plain["text"]
        assert 0 <= guessed["accepted_share"] <= 1
    stop = plain["text"][5:8]
    cut = json.loads(run(capsys, *greedy, "--tokens", "28", "--stop", stop))
    assert cut["finish_reason"] == "stop"
    assert cut["text"] == plain["text"][: plain["text"].index(stop)]


def test_generate_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("generate", "--model", folder)
    assert "empty" in run(capsys, *model, "--prompt", "", code=2)
    assert "temperature" in run(capsys, *model, "--temperature", "-1", code=2)
    assert "int3" in run(capsys, *model, "--precision", "int3", code=1)
    assert "nowhere" in run(capsys, "generate", "--model", folder / "nowhere", code=1)
    opened = open_language_model(folder)
    bare = LanguageModel(opened.config, opened.weights)
    (folder / "bare").mkdir()
    save_language_model(folder / "bare" / "gpt", bare)
    assert "no tokenizer" in run(capsys, "generate", "--model", folder / "bare", code=1)


def test_ctrl_c_ends_a_text_with_what_there_is(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinytorch.cli import generate as command

    write = command._write

    shown: list[str] = []

    def press(text: str) -> None:
        write(text)
        shown.append(text)
        if len(shown) == 2:  # the prompt and a piece
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command, "_write", press)
    out = run(capsys, "generate", "--model", folder, "--prompt", "the", "--tokens", "29")
    assert out.startswith("the")
    assert "1 tokens" in out


def test_evaluate_a_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = folder / "input.txt"
    found = json.loads(run(capsys, "evaluate", folder, "--text", text, "--json"))
    assert found["tokens"] == found["characters"] == 19999
    assert 1.0 < found["nats_per_character"] < 3.5
    assert found["kl_divergence"] is None
    assert found["unknown_tokens"] == 0
    int8 = ("evaluate", folder, "--text", text, "--precision", "int8", "--reference", folder)
    small = json.loads(run(capsys, *int8, "--json"))
    assert small["nats_per_character"] == pytest.approx(found["nats_per_character"], rel=0.01)
    assert 0 < small["kl_divergence"] < 0.01
    assert "nats" in run(capsys, *int8)
    narrow = json.loads(run(capsys, *int8, "--cache", "int8", "--json"))
    assert (small["cache"], narrow["cache"]) == ("f16", "int8")
    assert narrow["kl_divergence"] != small["kl_divergence"]
    assert narrow["nats_per_character"] == pytest.approx(found["nats_per_character"], rel=0.01)
    assert "int3" in run(capsys, *int8, "--cache", "int3", code=1)
    assert "give one" in run(capsys, "evaluate", folder, "--text", text, "--data", "digits", code=2)
    other = folder / "other.txt"
    other.write_text("1234567890 \u20ac", encoding="utf-8")
    found = json.loads(run(capsys, "evaluate", folder, "--text", other, "--json"))
    assert found["tokens"] == 11
    assert found["unknown_tokens"] > 0
    assert "does not know" in run(capsys, "evaluate", folder, "--text", other)


def test_quantize(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gpt.int8.safetensors" in run(capsys, "quantize", folder)
    small = folder / "gpt.int8"
    assert open_language_model(small).precision == "int8"
    text = folder / "input.txt"
    measure = ("evaluate", "--text", text, "--json")
    stored = json.loads(run(capsys, *measure, small))
    made = json.loads(run(capsys, *measure, folder, "--precision", "int8"))
    assert stored["precision"] == "int8"
    assert stored["nats_per_character"] == pytest.approx(made["nats_per_character"], rel=0.003)
    assert "quantized already" in run(capsys, "quantize", small, code=1)


def test_bench_gpt(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sizes = ("--prompt", "16", "--tokens", "4", "--runs", "1", "--out", tmp_path / "bench.json")
    shown = run(capsys, "bench", "gpt", "--model", folder, *sizes)
    assert "int4" in shown
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [(r["precision"], r["batch"]) for r in rows] == [
        (p, b) for p in ("f32", "int8", "int4") for b in (1, 8, 32)
    ]
    assert all(r["tokens_per_s"] > 0 and r["first_token_p99"] >= r["first_token_p50"] for r in rows)
    assert "do not fit" in run(capsys, "bench", "gpt", "--model", folder, "--prompt", "40", code=1)


def test_a_saved_model_is_what_was_trained(folder: Path) -> None:
    saved = json.loads((folder / "gpt.json").read_text())
    assert saved["notes"]["training"]["recipe"] == dataclasses.asdict(SMALL)
