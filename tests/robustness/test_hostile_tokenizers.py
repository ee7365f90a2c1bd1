"""Damaged and malicious tokenizer files: read or refused with ValueError, and nothing else."""

from __future__ import annotations

import copy
import json
import random
import time
from typing import Any

import pytest

from tinytorch.text import ByteLevelBPE, Characters, load_tokenizer

SAMPLE = "so shaken as we are, so wan with care <e> 12 é日\n\n  's"


def valid_file(kind: str) -> dict[str, Any]:
    if kind == "characters":
        return json.loads(Characters(SAMPLE, unknown="<u>", special_tokens=["<e>"]).to_json())
    made = ByteLevelBPE.train(SAMPLE * 3, 280, special_tokens=["<e>"], pattern=kind)
    value = json.loads(made.to_json())
    value["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<e>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<e>": {"id": "<e>", "ids": [0], "tokens": ["<e>"]}},
    }
    return value


KINDS = ["gpt2", "llama3", "characters"]
ODD: list[Any] = [None, True, -1, 0, 1, 2**20, 2**64, 1.5, "", "a", "a b", [], {}, [[]], "é", "\0"]


def places(value: Any, leave_out: tuple[str, ...]) -> list[tuple[Any, Any]]:
    """(container, key) of everything in a JSON value, but not in what `leave_out` names."""
    found = []
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            if key not in leave_out:
                found += places(value[key], leave_out)
    return found


def mutated(value: Any, draw: random.Random) -> Any:
    value = copy.deepcopy(value)
    for _ in range(draw.randint(1, 3)):
        # Most places are in the vocabulary and the merges.
        all_places = places(value, draw.choice([(), ("vocab", "merges")]))
        if not all_places:
            break
        container, key = draw.choice(all_places)
        other, at = draw.choice(all_places)
        kind = draw.randrange(4)
        if kind == 0:
            del container[key]
        elif kind == 1:
            container[key] = draw.choice(ODD)
        elif kind == 2:
            container[key] = copy.deepcopy(other[at])
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        else:
            container[draw.choice(["x", *container])] = container[key]
    return value


def ids_of(tokenizer: Any) -> list[int] | None:
    """The ids of the sample; None where it has none. They are decoded, too."""
    try:
        ids = tokenizer.encode(SAMPLE, add_special_tokens=True)
        tokenizer.decode(ids)
    except ValueError:
        return None
    tokenizer.encode_batch([SAMPLE, "a"], length=4, pad=int(ids[0]))
    return ids.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_values_are_read_or_refused(tmp_path, kind):
    path, valid = tmp_path / "tokenizer.json", valid_file(kind)
    draw = random.Random(kind)
    accepted = refused = 0
    for _ in range(400):
        path.write_text(json.dumps(mutated(valid, draw)))
        try:
            tokenizer = load_tokenizer(path)
        except ValueError as error:
            refused += "tokenizer.json: " in str(error)
            continue
        accepted += 1
        ids = ids_of(tokenizer)
        again = type(tokenizer).from_json(tokenizer.to_json())
        assert ids_of(again) == ids
    assert accepted + refused == 400
    assert accepted > 20
    assert refused > 100


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_bytes_are_read_or_refused(tmp_path, kind):
    path = tmp_path / "tokenizer.json"
    valid = json.dumps(valid_file(kind)).encode()
    draw = random.Random(kind)
    accepted = refused = 0
    for _ in range(400):
        data = bytearray(valid)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(data))
            if draw.random() < 0.5:
                data[at] = draw.randrange(256)
            else:
                del data[at : at + draw.randint(1, 9)]
        path.write_bytes(data)
        try:
            ids_of(load_tokenizer(path))
            accepted += 1
        except ValueError:
            refused += 1
    assert accepted > 10
    assert refused > 100


@pytest.mark.parametrize("kind", ["gpt2", "llama3"])
def test_what_we_read_has_the_ids_of_the_reference(kind):
    tokenizers = pytest.importorskip("tokenizers", reason="the `tokenizers` package is the oracle")
    valid = valid_file(kind)
    draw = random.Random(kind)
    compared = 0
    for _ in range(300):
        value = mutated(valid, draw)
        text = json.dumps(value)
        try:
            ours = ids_of(ByteLevelBPE.from_json(text))
            # Added tokens without an entry in the vocabulary have the ids that the file says; the
            # reference numbers them anew, after the others.
            if any(t["content"] not in value["model"]["vocab"] for t in value["added_tokens"]):
                continue
            theirs = tokenizers.Tokenizer.from_str(text).encode(SAMPLE).ids
        except Exception:
            continue
        if ours is not None:
            assert ours == theirs, text
            compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    "text",
    ["", "null", "[1]", "{}", '{"model":3}', '{"model":{"type":"BPE"}}', "[" * 1_000_000, "\xff"],
    ids=lambda text: text[:12],
)
def test_files_that_are_none(tmp_path, text):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"tokenizer\.json: "):
        load_tokenizer(path)


def test_files_that_are_too_large_are_not_read(tmp_path):
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="at most 67108864 are read"):
        load_tokenizer(path)
    many = {"model": {"vocab": {}, "merges": [[]] * 1_000_001}}
    with pytest.raises(ValueError, match="1000000 values"):
        ByteLevelBPE.from_json(json.dumps(many))


def test_large_ids_ask_for_little_memory():
    value = {"model": {"vocab": {"a": (1 << 20) - 1}, "merges": []}}
    tokenizer = Characters.from_json(json.dumps(value))
    assert tokenizer.vocabulary_size == 1 << 20
    assert tokenizer.encode("a").tolist() == [(1 << 20) - 1]
    with pytest.raises(ValueError, match="not all of these are in use"):
        tokenizer.decode([5])


def test_merges_that_all_begin_alike_are_read_in_linear_time():
    """Every merge of two tokens a...a whose sum is one: a table by a bad hash would be slow."""

    def seconds(longest: int) -> float:
        names = {"a" * n: n - 1 for n in range(1, longest + 1)}
        merges = [["a" * i, "a" * j] for i in range(1, longest) for j in range(1, longest - i + 1)]
        value = {
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
            "model": {"vocab": names, "merges": merges},
        }
        text, best = json.dumps(value), float("inf")
        for _ in range(2):
            start = time.process_time()
            ByteLevelBPE.from_json(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200) < 40 * seconds(60)  # 11 times the merges, 37 times the bytes
