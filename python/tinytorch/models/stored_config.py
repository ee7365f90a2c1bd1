"""The config of a model file: with the weights, as metadata, and as JSON beside them.

Both are written atomically, the weights first. Where a crash between the two left an old JSON file
beside new weights, the metadata count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..io import TensorDict, load_json, parse_json, save_json, save_safetensors


@dataclass(frozen=True)
class ConfigFormat:
    """name, version: what a config begins with; key: its place in the weights' metadata."""

    name: str
    version: int
    key: str

    def save(
        self, weights: Path, tensors: Mapping[str, np.ndarray], fields: dict[str, Any]
    ) -> None:
        """Write the weights, and the fields with both."""
        config = {"format": self.name, "version": self.version, **fields}
        save_safetensors(weights, tensors, {self.key: json.dumps(config, allow_nan=False)})
        save_json(weights.with_suffix(".json"), config)

    def read(self, weights: Path, tensors: TensorDict, advice: str = "") -> dict[str, Any]:
        """Return the config of weights that were read from this path; `advice` is what to try
        where there is none."""
        if self.key in tensors.metadata:
            text = tensors.metadata[self.key].encode("utf-8")
            config = parse_json(text, what=f"the config in {weights}")
        else:
            beside = weights.with_suffix(".json")
            if not beside.exists():
                raise ValueError(f"{weights} has no config: {beside.name} is not beside it{advice}")
            config = load_json(beside)
        if not isinstance(config, dict) or config.get("format") != self.name:
            raise ValueError(f"{weights}: its config is not one of {self.name}")
        if config.get("version") != self.version:
            raise ValueError(
                f"{weights}: config version {config.get('version')!r}, this is {self.version}"
            )
        return config
