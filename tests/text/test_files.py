"""Files of tokenizers: ours read by the `tokenizers` package, its read by us."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given

from tinytorch.text import ByteLevelBPE, Characters, load_tokenizer

from .oracle import (
    END,
    Tokenizer,
    models,
    ours,
    pre_tokenizers,
    reference,
    shakespeare,
    tokenizers,
    unicode_texts,
)

SPLITS = [
    {"pattern": "gpt2"},
    {"pattern": "llama3"},
    {"pattern": "gpt2", "single_digits": True},
    {"pattern": "gpt2", "prefix_space": True},
]


@pytest.fixture(scope="module")
def text() -> str:
    return shakespeare()[:30_000] + " 1234 it's 5\n\n x"


def changed(theirs: Tokenizer, **changes: object) -> dict:
    value = json.loads(theirs.to_str())
    for path, new in changes.items():
        *outer, last = path.split("__")
        place = value
        for key in outer:
            place = place[key]
        place[last] = new
    return value


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_the_reference_reads_our_files(tmp_path, text, split):
    made = ours([text], 600, **split)
    made.save(tmp_path / "tokenizer.json")
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode(text).ids == made.encode(text).tolist()
    assert theirs.get_vocab_size() == made.vocabulary_size


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_we_read_the_references_files(tmp_path, text, split):
    theirs = reference([text], 600, **split)
    theirs.add_tokens(["<plain>", tokenizers.AddedToken("<mask>", lstrip=True)])
    theirs.save(str(tmp_path / "tokenizer.json"))
    made = load_tokenizer(tmp_path)
    assert isinstance(made, ByteLevelBPE)
    sample = text[:3000] + f"a <mask> b<plain>{END}c"
    assert made.encode(sample).tolist() == theirs.encode(sample).ids
    assert json.loads(made.to_json()) == json.loads(theirs.to_str())


@given(sample=unicode_texts)
def test_older_files_have_merges_as_text_and_no_type(sample):
    theirs = reference(["to be or not to be, that is"], 275)
    value = json.loads(theirs.to_str())
    value["model"]["merges"] = [" ".join(pair) for pair in value["model"]["merges"]]
    for key in ("type", "ignore_merges", "byte_fallback"):
        del value["model"][key]
    value["model"] |= {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    made = ByteLevelBPE.from_json(json.dumps(value))
    assert made.encode(sample).tolist() == theirs.encode(sample).ids


def test_words_that_are_tokens_may_come_before_merges(text):
    value = changed(reference([text], 600), model__ignore_merges=True)
    del value["model"]["merges"][100:]
    theirs, made = Tokenizer.from_str(json.dumps(value)), ByteLevelBPE.from_json(json.dumps(value))
    ids = made.encode(text).tolist()
    assert ids == theirs.encode(text).ids
    value["model"]["ignore_merges"] = False
    assert ids != ByteLevelBPE.from_json(json.dumps(value)).encode(text).tolist()


@pytest.mark.parametrize("fuse", [False, True])
def test_bytes_without_a_token_can_be_unknown(fuse):
    theirs = Tokenizer(
        models.BPE(
            vocab={"a": 0, "b": 1, "ab": 2, "?": 3},
            merges=[("a", "b")],
            unk_token="?",
            fuse_unk=fuse,
        )
    )
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = ByteLevelBPE.from_json(theirs.to_str())
    assert made.unknown_id == 3
    for sample in ("abxxa", "日本a", "xab", "", "ab é"):
        assert made.encode(sample).tolist() == theirs.encode(sample).ids
    strict = ByteLevelBPE.from_json(json.dumps(changed(theirs, model__unk_token=None)))
    with pytest.raises(ValueError, match="byte 'x' has no token"):
        strict.encode("abx")


def test_what_a_file_puts_around_texts_is_there_when_asked_for(text):
    theirs = reference([text], 400, [END, "<s>"])
    theirs.post_processor = tokenizers.processors.Sequence(
        [
            tokenizers.processors.ByteLevel(trim_offsets=False),
            tokenizers.processors.TemplateProcessing(
                single=f"<s> $A {END}", special_tokens=[("<s>", 1), (END, 0)]
            ),
        ]
    )
    made = ByteLevelBPE.from_json(theirs.to_str())
    framed = made.encode("we are", add_special_tokens=True).tolist()
    assert framed == theirs.encode("we are").ids
    assert framed[1:-1] == made.encode("we are").tolist()
    assert made.encode("", add_special_tokens=True).tolist() == [1, 0]
    again = json.loads(made.to_json())
    assert again["post_processor"] == json.loads(theirs.to_str())["post_processor"]


def test_padding_and_truncation_of_a_file_are_kept_and_not_acted_on(text):
    theirs = reference([text], 400)
    theirs.enable_truncation(5)
    theirs.enable_padding(length=9)
    made = ByteLevelBPE.from_json(theirs.to_str())
    assert len(made.encode(text)) > 100
    assert json.loads(made.to_json()) == json.loads(theirs.to_str())


def test_the_two_files_of_gpt2(tmp_path, text):
    theirs = reference([text], 500)
    theirs.model.save(str(tmp_path))
    plain = ByteLevelBPE.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert plain.special_tokens == {}
    assert plain.encode(text).tolist() == theirs.encode(text).ids
    for made in (ByteLevelBPE.load(tmp_path), load_tokenizer(tmp_path)):
        assert made.special_tokens == {END: 0}
        assert made.encode(f"be{END}").tolist() == theirs.encode(f"be{END}").ids


def test_a_folder_without_a_tokenizer(tmp_path):
    for load in (ByteLevelBPE.load, load_tokenizer):
        with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
            load(tmp_path)
    with pytest.raises(FileNotFoundError):
        Characters.load(tmp_path / "none.json")
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    with pytest.raises(FileNotFoundError, match=r"merges\.txt"):
        load_tokenizer(tmp_path)


def test_saving_replaces_atomically(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError):
        ours("a", 300).save(tmp_path / "no" / "tokenizer.json")
    ours("a", 300).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]
    assert ByteLevelBPE.load(path).vocabulary_size == 257
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        ByteLevelBPE.load(tmp_path / "pipe")


def test_the_other_kind_is_refused_by_name(tmp_path):
    Characters("ab").save(tmp_path / "c.json")
    ours("ab", 300).save(tmp_path / "b.json")
    with pytest.raises(ValueError, match="load_tokenizer reads both"):
        ByteLevelBPE.load(tmp_path / "c.json")
    with pytest.raises(ValueError, match="load_tokenizer reads both"):
        Characters.load(tmp_path / "b.json")
    assert isinstance(load_tokenizer(tmp_path / "c.json"), Characters)
    assert isinstance(load_tokenizer(tmp_path / "b.json"), ByteLevelBPE)
