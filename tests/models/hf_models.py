"""Small random models of `transformers`, their logits, and ours; GGUF files made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch.models.gpt_files import load_gpt
from tinytorch.runtime import GptSession

torch = pytest.importorskip("torch", reason="the parity tests compare with PyTorch's models")
transformers = pytest.importorskip("transformers", reason="the extra `test` brings transformers")
torch.set_num_threads(1)  # for small models more only wait for one another
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

GPT2 = {"model_type": "gpt2", "vocab_size": 61, "n_positions": 40, "n_embd": 48, "n_layer": 2,
        "n_head": 4}  # fmt: skip
LLAMA = {"model_type": "llama", "vocab_size": 61, "hidden_size": 48, "intermediate_size": 80,
         "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
         "max_position_embeddings": 40}  # fmt: skip
TOKENS = np.random.default_rng(0).integers(0, 61, 33)


def random_model(seed: int = 0, **config: Any) -> Any:
    """A model of this config; weights so large that every part shows in the logits."""
    torch.manual_seed(seed)
    kind = config.pop("model_type")
    plain = {"bos_token_id": None, "eos_token_id": None, "attn_implementation": "eager", **config}
    if kind == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**plain))
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**plain))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3)
            if parameter.ndim == 1 and "norm" in name + name.replace("ln_", "norm"):
                parameter.add_(1 * name.endswith("weight"))
    return model.eval()


def their_logits(model: Any, tokens: np.ndarray = TOKENS) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor(tokens)[None]).logits[0].float().numpy()


def our_logits(loaded: Any, tokens: np.ndarray = TOKENS) -> np.ndarray:
    """Of every position, computed at once; those that come one by one must be the same."""
    session = GptSession(loaded.weights, loaded.config)
    together = session.append([session.sequence()], [tokens], len(tokens))
    sequence = session.sequence()
    for row, token in zip(together, tokens, strict=True):
        np.testing.assert_array_equal(session.append([sequence], [[token]])[0], row)
    return together


def save(model: Any, folder: Path, **options: Any) -> Path:
    model.save_pretrained(folder, **options)
    return folder


def assert_parity(model: Any, path: Path, tolerance: float = 1e-4) -> None:
    expected = their_logits(model)
    assert np.abs(expected).max() > 1  # else the tolerance would hide anything
    np.testing.assert_allclose(our_logits(load_gpt(path)), expected, rtol=0, atol=tolerance)
