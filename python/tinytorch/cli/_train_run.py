"""One training in one folder: its settings, its checkpoints, its model.

train.json               what is trained and how, written before the first step
checkpoints/             the state, after every epoch
NAME.safetensors, .json  the model, at the end
"""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..io import load_json, save_json
from ..models import Origin, Recipe, create, save_model, spec
from ..report.figures import seconds
from ..workflow.data import load
from ..workflow.fit import Fit, fit, seed_all
from ._console import say
from ._run import Failure


@dataclass(frozen=True)
class Settings:
    model: str
    seed: int
    recipe: Recipe

    @classmethod
    def choose(cls, model: str, chosen: dict[str, Any]) -> Settings:
        recipe = spec(model).recipe
        fields = {f.name for f in dataclasses.fields(Recipe)}
        changed = {key: value for key, value in chosen.items() if key in fields}
        return cls(model, chosen.get("seed", 0), dataclasses.replace(recipe, **changed))

    @classmethod
    def read(cls, path: Path) -> Settings:
        document = load_json(path)
        try:
            return cls(document["model"], document["seed"], Recipe(**document["recipe"]))
        except (KeyError, TypeError):
            raise ValueError(f"{path} does not hold the settings of a training") from None


class TrainRun:
    """`chosen` are the settings that the command line gave; a resumed training takes the others
    from its folder, and refuses those that differ."""

    def __init__(
        self, folder: Path, settings: Settings, chosen: dict[str, Any], resume: bool
    ) -> None:
        self.folder, self.settings, self.chosen, self.resume = folder, settings, chosen, resume
        self.note = folder / "train.json"
        self.checkpoints = folder / "checkpoints"

    def run(self) -> str | None:
        """None, or why it ended before its time."""
        if self.resume and self.note.exists():
            self.settings = self._resumed()
        else:
            self._begin()
        settings = self.settings
        data = load(spec(settings.model).data)
        seed_all(settings.seed)
        network = create(settings.model)
        done = fit(
            network,
            data,
            settings.recipe,
            settings.seed,
            folder=self.checkpoints,
            resume=self.resume,
            progress=True,
        )
        if done.stopped is not None:
            say(f"go on with: tinytorch train {settings.model} --out {self.folder} --resume")
            return done.stopped
        self._save(network, done)
        return None

    def _begin(self) -> None:
        if self.checkpoints.exists() and any(self.checkpoints.iterdir()):
            raise Failure(
                f"{self.folder} holds an earlier training: add --resume, or choose another --out"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        save_json(self.note, asdict(self.settings))

    def _resumed(self) -> Settings:
        saved = Settings.read(self.note)
        now = {"model": self.settings.model, **self.chosen}
        before = {"model": saved.model, "seed": saved.seed, **asdict(saved.recipe)}
        for key, value in now.items():
            if before[key] != value:
                raise Failure(
                    f"{self.folder} trains with {key} {before[key]}, not {value}: leave it out, or "
                    "choose another --out"
                )
        return saved

    def _save(self, network: Any, done: Fit) -> None:
        settings = self.settings
        accuracy = done.curves.test_accuracy[-1]
        training = {**asdict(settings.recipe), "seed": settings.seed, "test_accuracy": accuracy}
        origin = Origin([], spec(settings.model).data, training)
        path = save_model(self.folder / settings.model, network, settings.model, origin)
        say(
            f"{path}: test accuracy {100 * accuracy:.2f} % after {done.epochs} epochs "
            f"({seconds(done.curves.seconds)})"
        )
