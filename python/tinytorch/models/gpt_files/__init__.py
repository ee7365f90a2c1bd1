"""Checkpoints of GPT-2- and Llama-style decoders: Hugging Face folders, GGUF files, and our own.

    model = load_gpt("gpt2")                       # a folder with config.json and safetensors
    model = load_gpt("tinyllama.Q8_0.gguf")
    session = GptSession(model.weights, model.config)

    save_hf("out/gpt2", config, weights)           # `transformers` loads it
    save_gpt("out/gpt", config, weights)           # out/gpt.safetensors and out/gpt.json

Whatever the file, there come a `GptConfig` and float32 arrays by canonical name
(`tinytorch.models.gpt`). What the engine does not compute (other architectures, rotary
positions scaled by yarn, sliding windows, ...) is refused with the name of the field that asks
for it.
"""

from .course import config_and_weights_of, course_model
from .load import LoadedGpt, load_gpt
from .save import save_gpt, save_hf

__all__ = [
    "LoadedGpt",
    "config_and_weights_of",
    "course_model",
    "load_gpt",
    "save_gpt",
    "save_hf",
]
