"""GptSession on every instruction set that this machine has, down to plain SSE2."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, expected_logits, ids_of, random_weights

from tinytorch import engine

SCRIPT = """
import sys
import numpy as np
from tinytorch.runtime import GptSession
sys.path.insert(0, sys.argv[1])
from gpt_reference import GPT2, LLAMA, ids_of, random_weights

found = {}
for name, config in (("gpt2", GPT2), ("llama", LLAMA)):
    for precision in ("f32", "bf16", "int8", "int4"):
        for cache in ("f32", "f16", "int8"):
            session = GptSession(random_weights(config), config, precision=precision, cache=cache)
            ids = ids_of(config, 33)
            together = session.append([session.sequence()], [ids], 33)
            alone = session.sequence()
            for token, expected in zip(ids, together):
                np.testing.assert_array_equal(session.append([alone], [[token]])[0], expected)
            found[f"{name} {precision} {cache}"] = together
np.savez(sys.argv[2], **found)
"""


# Of the largest logit; activations of int8 and int4 that lie between two codes may fall either way.
BOUNDS = {"f32": 2e-6, "bf16": 0.02, "int8": 0.02, "int4": 0.05}


@lru_cache
def logits(isa: str) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "logits.npz")
        subprocess.run(
            [sys.executable, "-c", SCRIPT, Path(__file__).parent, path],
            check=True,
            env=os.environ | {"TINYTORCH_ISA": isa},
        )
        with np.load(path) as arrays:
            return dict(arrays)


@pytest.mark.parametrize("isa", engine.supported_isas())
def test_an_instruction_set_agrees_with_the_formulas_and_the_plainest(isa: str) -> None:
    for model, config in (("gpt2", GPT2), ("llama", LLAMA)):
        exact = expected_logits(random_weights(config), config, ids_of(config, 33))
        most = np.abs(exact).max()
        assert np.abs(logits(isa)[f"{model} f32 f32"] - exact).max() < 2e-6 * most
        for name, plainest in logits("baseline").items():
            _, precision, cache = name.split()
            bound = max(BOUNDS[precision], 5e-3 if cache != "f32" else 0)
            if name.startswith(model):
                assert np.abs(logits(isa)[name] - plainest).max() <= bound * most, name
