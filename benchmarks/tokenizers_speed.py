"""Training and using a byte-level BPE: tinytorch beside the `tokenizers` package, in one run.

    TINYTORCH_DATA=... python benchmarks/tokenizers_speed.py [--size N] [--rounds N] [--json FILE]

The text is Tiny Shakespeare (1.1 MB), or the excerpt of it that is shipped where TINYTORCH_DATA is
not set. Both run on one thread. That they make the same merges and the same ids is checked first.
Each round times both, one after the other; the table has the median of the processor's seconds and
the ratio to ours, round by round, with its range. Above 1x the other takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tinytorch import _core
from tinytorch.datasets import ShakespeareExcerpt, TinyShakespeare
from tinytorch.text import ByteLevelBPE, Characters

Work = Callable[[], Any]


def train_theirs(text: str, size: int) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([text], trainer)
    return made


def rows(text: str, size: int) -> dict[str, tuple[Work, Work]]:
    """Name -> (our work, theirs)."""
    ours, theirs = ByteLevelBPE.train(text, size), train_theirs(text, size)
    file, lines = ours.to_json(), text.splitlines()
    ids = ours.encode(text)
    listed = ids.tolist()
    assert file == theirs.to_str(pretty=True) + "\n"
    assert listed == theirs.encode(text).ids
    characters = Characters(text)
    theirs_by_character = Tokenizer.from_str(characters.to_json())
    return {
        f"train, {size:,} tokens": (
            lambda: ByteLevelBPE.train(text, size),
            lambda: train_theirs(text, size),
        ),
        # Theirs remembers words from one call to the next, so a new object is a row of its own.
        "read file, encode text": (
            lambda: ByteLevelBPE.from_json(file).encode(text),
            lambda: Tokenizer.from_str(file).encode(text).ids,
        ),
        "encode text": (lambda: ours.encode(text), lambda: theirs.encode(text).ids),
        f"encode {len(lines):,} lines": (
            lambda: ours._core.encode_many([line.encode() for line in lines]),
            lambda: [row.ids for row in theirs.encode_batch(lines)],
        ),
        "decode": (lambda: ours.decode(ids), lambda: theirs.decode(listed)),
        "read the file": (
            lambda: ByteLevelBPE.from_json(file),
            lambda: Tokenizer.from_str(file),
        ),
        "characters": (
            lambda: characters.encode(text),
            lambda: theirs_by_character.encode(text).ids,
        ),
    }


def seconds(work: Work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(pair: tuple[Work, Work], rounds: int) -> dict[str, Any]:
    ours, theirs = pair
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    ratios = [b / a for a, b in times]
    return {
        "tinytorch": statistics.median(a for a, _ in times),
        "tokenizers": statistics.median(b for _, b in times),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=8192, help="tokens to train")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    _core.set_num_threads(1)
    text = (TinyShakespeare if os.environ.get("TINYTORCH_DATA") else ShakespeareExcerpt)().text
    print(f"{len(text.encode()):,} bytes; tokenizers {tokenizers.__version__}; one thread")
    print(f"{'':24} {'tinytorch':>12} {'tokenizers':>12} {'ratio':>7}")
    results = {}
    for name, pair in rows(text, options.size).items():
        results[name] = row = measure(pair, options.rounds)
        print(
            f"{name:24} {row['tinytorch'] * 1e3:9.1f} ms {row['tokenizers'] * 1e3:9.1f} ms "
            f"{row['ratio']:6.1f}x  ({row['least']:.1f} to {row['most']:.1f})"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
