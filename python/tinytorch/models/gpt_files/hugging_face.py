"""Hugging Face's GPT2LMHeadModel and LlamaForCausalLM: folders with config.json and safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...io import TensorDict, load_json, load_safetensors
from ..gpt import GptConfig
from .arrays import Arrays, FloatTensors
from .fields import Fields
from .layouts import HF_GPT2, HF_LLAMA, Weights

_MAX_JSON = 16 << 20
# Their names of activations -> ours; of equals the first is what we write.
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "quick_gelu": "gelu_sigmoid",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
LAYOUTS = {"gpt2": HF_GPT2, "llama": HF_LLAMA}
PREFIXES = {"gpt2": "transformer.", "llama": "model."}
# Masks and rotary tables that older files keep among the weights.
_BUFFERS = {
    "gpt2": r"h\.\d+\.attn\.(masked_)?bias",
    "llama": r"(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq",
}
# What would change the logits, with the value that does not.
_NEUTRAL: list[tuple[str, Any]] = [
    ("scale_attn_weights", True),
    ("scale_attn_by_inverse_layer_idx", False),
    ("add_cross_attention", False),
    ("is_encoder_decoder", False),
    ("sliding_window", None),
    ("use_sliding_window", False),
    ("num_local_experts", None),
    ("partial_rotary_factor", 1.0),
    ("quantization_config", None),
]


def load_folder(folder: Path) -> tuple[GptConfig, Weights, dict[str, Any]]:
    """Return config, canonical weights and config.json of a folder."""
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(2, "a folder with a model has a config.json", str(path))
    given = load_json(path, max_bytes=_MAX_JSON)
    what = str(path)
    if not isinstance(given, dict):
        raise ValueError(f"{what}: must hold an object, got {type(given).__name__}")
    config = config_from_hf(given, what)
    kind = given["model_type"]
    arrays = Arrays(
        FloatTensors(_tensor_files(folder)),
        str(folder),
        prefix=PREFIXES[kind],
        ignored=_BUFFERS[kind],
    )
    return config, LAYOUTS[kind].weights(arrays, config, _has(kind, given, what)), given


def _tensor_files(folder: Path) -> list[TensorDict]:
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists() or not index.exists():
        if not whole.exists() and any(folder.glob("*.bin")):
            raise ValueError(
                f"{folder}: the weights are pickled (.bin), which is never read; store them as "
                "safetensors (save_pretrained does)"
            )
        return [load_safetensors(whole)]
    given = load_json(index, max_bytes=_MAX_JSON)
    places = given.get("weight_map") if isinstance(given, dict) else None
    if not isinstance(places, dict) or not all(isinstance(f, str) for f in places.values()):
        raise ValueError(f"{index}: weight_map must name the file of each tensor")
    shards = []
    for file in sorted(set(places.values())):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ValueError(f"{index}: {file!r} is not the name of a safetensors file beside it")
        tensors = load_safetensors(folder / file)
        wanted = {name for name, place in places.items() if place == file}
        if wanted - tensors.keys():
            raise ValueError(f"{folder / file}: lacks {min(wanted - tensors.keys())!r}")
        kept = {name: array for name, array in tensors.items() if name in wanted}
        shards.append(TensorDict(kept, tensors.metadata, tensors.dtypes))
    return shards


def config_from_hf(given: Mapping[str, Any], what: str) -> GptConfig:
    """Return the config that a config.json describes; `what` begins messages.

    Raises:
        ValueError: a field that is missing, of another type, or asks for what is not supported.
    """
    fields = Fields(given, what)
    kind = fields.text("model_type")
    if kind not in _READERS:
        raise fields.refuse(f"model_type {kind!r} is not supported; gpt2 and llama are")
    for name, neutral in _NEUTRAL:
        fields.only(name, neutral)
    layers = given.get("layer_types")
    if layers and (not isinstance(layers, list) or any(t != "full_attention" for t in layers)):
        raise fields.refuse("layer_types may hold 'full_attention' only")
    return fields.config(**_READERS[kind](fields))


def _activation(fields: Fields, name: str, default: str) -> str:
    given = fields.text(name, default)
    if given not in _ACTIVATIONS:
        raise fields.refuse(f"{name} {given!r} is not supported; {', '.join(_ACTIVATIONS)} are")
    return _ACTIVATIONS[given]


def _read_gpt2(fields: Fields) -> dict[str, Any]:
    return {
        "vocabulary": fields.integer("vocab_size"),
        "width": fields.integer("n_embd"),
        "layers": fields.integer("n_layer"),
        "heads": fields.integer("n_head"),
        "hidden": fields.integer("n_inner", None),
        "max_length": fields.integer("n_positions"),
        "activation": _activation(fields, "activation_function", "gelu_new"),
        "tied": fields.flag("tie_word_embeddings", True),
        "eps": fields.number("layer_norm_epsilon", 1e-5),
    }


def _read_llama(fields: Fields) -> dict[str, Any]:
    return {
        "vocabulary": fields.integer("vocab_size"),
        "width": fields.integer("hidden_size"),
        "layers": fields.integer("num_hidden_layers"),
        "heads": fields.integer("num_attention_heads"),
        "kv_heads": fields.integer("num_key_value_heads", None),
        "head_size": fields.integer("head_dim", None),
        "hidden": fields.integer("intermediate_size"),
        "max_length": fields.integer("max_position_embeddings", 2048),
        "norm": "rms",
        "positions": "rotary",
        **_rope(fields),
        "activation": _activation(fields, "hidden_act", "silu"),
        "gated": True,
        "tied": fields.flag("tie_word_embeddings", False),
        "eps": fields.number("rms_norm_eps", 1e-6),
    }


# Their fields of a scaling -> ours, by kind.
_SCALINGS = {
    "linear": {"factor": "factor"},
    "llama3": {
        "factor": "factor",
        "low_freq_factor": "low",
        "high_freq_factor": "high",
        "original_max_position_embeddings": "length",
    },
}


def _rope(fields: Fields) -> dict[str, Any]:
    """`rope_parameters` is how releases from 5 on write it; `rope_scaling`, where given, wins."""
    name = "rope_scaling" if fields.group("rope_scaling") else "rope_parameters"
    rope = Fields(fields.group(name), f"{fields.what}: {name}")
    kind = rope.text("rope_type", rope.text("type", "default"))
    if kind not in ("default", *_SCALINGS):
        raise rope.refuse(f"rope_type {kind!r} is not supported; default, linear and llama3 are")
    rope.only("partial_rotary_factor", 1.0)
    names = _SCALINGS.get(kind, {})
    known = {"rope_type", "type", "rope_theta", "partial_rotary_factor", *names}
    for field in sorted(rope.given.keys() - known):
        rope.only(field, None)
    theta = rope.number("rope_theta", fields.number("rope_theta", 10000.0))
    if not names:
        return {"rope_theta": theta}
    given = {
        ours: rope.integer(theirs) if ours == "length" else rope.number(theirs)
        for theirs, ours in names.items()
    }
    return {"rope_theta": theta, "rope_scaling": {"kind": kind, **given}}


_READERS: dict[str, Callable[[Fields], dict[str, Any]]] = {
    "gpt2": _read_gpt2,
    "llama": _read_llama,
}


def _has(kind: str, given: Mapping[str, Any], what: str) -> Callable[[str], bool]:
    """Whether a model of theirs has an optional array, by our name."""
    if kind == "gpt2":
        return lambda name: True
    fields = Fields(given, what)
    attention, mlp = fields.flag("attention_bias", False), fields.flag("mlp_bias", False)
    return lambda name: attention if name.split(".")[-2] in ("qkv", "proj") else mlp


def hf_model(
    config: GptConfig, weights: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return config.json and tensors by their names.

    Where theirs have a bias or beta and ours lack it, zeros are stored.

    Raises:
        ValueError: a config that neither of the two architectures has.
    """
    kind = _model_type(config)
    given = _WRITERS[kind](config)
    if kind == "llama":
        for field, ours in (("attention_bias", _ATTENTION), ("mlp_bias", _MLP)):
            given[field] = any(name.endswith(ours) for name in weights)
    tensors = LAYOUTS[kind].tensors(weights, config, _has(kind, given, "config"))
    prefix = PREFIXES[kind]
    named = {name if name == "lm_head.weight" else prefix + name: t for name, t in tensors.items()}
    return given, named


_ATTENTION = ("qkv.bias", "proj.bias")
_MLP = ("gate.bias", "up.bias", "down.bias")


def _model_type(config: GptConfig) -> str:
    if config.positions == "learned":
        kind = "gpt2"
        wanted = {"norm": "layer", "gated": False, "kv_heads": config.heads}
        wanted["head_size"] = config.width // config.heads
    else:
        kind, wanted = "llama", {"norm": "rms", "gated": True}
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"{config.positions} positions are stored as model_type {kind!r}, which needs "
                f"{name} {value!r}, got {getattr(config, name)!r}; save_gpt() stores any config"
            )
    if config.width % config.heads != 0:  # their own check, though head_dim be given
        raise ValueError(
            f"model_type {kind!r} needs heads that divide the width, got {config.heads} and "
            f"{config.width}; save_gpt() stores any config"
        )
    return kind


def _common(config: GptConfig, kind: str, architecture: str, activation: str) -> dict[str, Any]:
    theirs = {ours: name for name, ours in reversed(_ACTIVATIONS.items())}
    return {
        "architectures": [architecture],
        "model_type": kind,
        "vocab_size": config.vocabulary,
        activation: theirs[config.activation],
        "tie_word_embeddings": config.tied,
        "dtype": "float32",
        "torch_dtype": "float32",  # its name in releases before 5
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _write_gpt2(config: GptConfig) -> dict[str, Any]:
    return {
        **_common(config, "gpt2", "GPT2LMHeadModel", "activation_function"),
        "n_positions": config.max_length,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.hidden,
        "layer_norm_epsilon": config.eps,
    }


def _write_llama(config: GptConfig) -> dict[str, Any]:
    return {
        **_common(config, "llama", "LlamaForCausalLM", "hidden_act"),
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_size,
        "max_position_embeddings": config.max_length,
        "rms_norm_eps": config.eps,
        **_rope_fields(config),
    }


def _rope_fields(config: GptConfig) -> dict[str, Any]:
    """For releases from 5 on, and for those before."""
    scaling = config.rope_scaling
    kind = scaling.kind if scaling else "none"
    rope: dict[str, Any] = {"rope_type": "default" if kind == "none" else kind}
    rope |= {theirs: getattr(scaling, ours) for theirs, ours in _SCALINGS.get(kind, {}).items()}
    fields = {"rope_theta": config.rope_theta,
              "rope_parameters": {"rope_theta": config.rope_theta, **rope}}  # fmt: skip
    return fields if kind == "none" else {**fields, "rope_scaling": rope}


_WRITERS = {"gpt2": _write_gpt2, "llama": _write_llama}
