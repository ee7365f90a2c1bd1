"""The demo's steps in order; each leaves its files before the next begins."""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import capstone
from ..core.tensor import Tensor
from ..models import Network, Origin, Recipe, create, save_model, spec
from ..report import figures, write_report
from ..report.record import Curves, DataInfo, ModelRun, Photographs, Run, Variant, WrittenText
from ..workflow import measure
from ..workflow.data import Data, load
from ..workflow.examples import examples
from ..workflow.fit import fit, seed_all
from ..workflow.layer_costs import layer_costs
from ..workflow.photographs import classified
from ..workflow.shipped_text import write
from ..workflow.variants import Form, Interrupted, Plan, forms
from ._console import console, say
from ._demo_notes import notes
from ._progress import training_bars
from ._run import FAILED, INTERRUPTED
from ._tables import layer_table, variant_table

MODELS = ("digits_mlp", "digits_cnn")
SUBMITTED = "digits_cnn"


@dataclass(frozen=True)
class Settings:
    target: float  # test accuracy of each trained model
    epoch_share: float  # of the recipes' epochs
    plan: Plan
    runs: int


def full() -> Settings:
    return Settings(0.97, 1.0, Plan(), 200)


def quick_settings() -> Settings:
    return Settings(0.95, 0.3, Plan(epochs=4), 20)


@dataclass
class Trained:
    name: str
    forms: list[Form]
    curves: Curves

    @property
    def title(self) -> str:
        return spec(self.name).title


class DemoRun:
    def __init__(self, out: Path, seed: int, settings: Settings, student: str | None) -> None:
        self.out, self.seed, self.settings, self.student = out, seed, settings, student
        self.started = datetime.now(timezone.utc)
        self.clock = time.perf_counter()
        self.data: Data = load("digits")

    def run(self) -> int:
        """The exit code."""
        self.out.mkdir(parents=True, exist_ok=True)
        try:
            return self._steps()
        except (KeyboardInterrupt, Interrupted):
            kept = ", ".join(self._kept()) or "nothing yet"
            say(f"interrupted; in {self.out} there is: {kept}")
            return INTERRUPTED

    def _kept(self) -> list[str]:
        """Files that this run has finished."""
        since = self.started.timestamp()
        found = (path for path in self.out.iterdir() if not path.name.startswith("."))
        return sorted(path.name for path in found if path.stat().st_mtime >= since)

    def _steps(self) -> int:
        count = len(self.data.labels)
        console.print(
            f"[bold]tinytorch demo[/]  digits: {self.data.train_count:,} images to train on, "
            f"{count} to test on (a fixed 80/20 split), seed {self.seed}\n"
        )
        console.print("[bold]1  Train and compress[/]")
        trained = [self._train(name) for name in MODELS]
        console.print("\n[bold]2  Profile[/]  one image, each layer alone")
        self._profile(trained)
        console.print("[bold]3  Measure[/]  every variant on all test images")
        models, reports = self._measure(trained)
        console.print(variant_table(models))
        console.print("[bold]4  Photographs[/]  a network that comes trained")
        photographs = self._photographs()
        console.print("[bold]5  Text[/]  a language model that comes trained")
        text = self._text()
        console.print("[bold]6  Submit and report[/]")
        self._submit(trained, reports)
        self._report(models, trained, photographs, text)
        return self._verdict(models)

    def _train(self, name: str) -> Trained:
        entry = spec(name)
        recipe = self._recipe(entry.recipe)
        entry = dataclasses.replace(entry, recipe=recipe)
        plan = self.settings.plan
        with training_bars() as start:
            seed_all(self.seed)
            network = create(name)
            done = fit(
                network,
                self.data,
                recipe,
                self.seed,
                on_epoch=start(f"{entry.title}: train", recipe.epochs),
            )
            if done.stopped is not None:
                raise Interrupted
            bars = {}

            def on_epoch(what: str, row: dict[str, Any]) -> None:
                if what not in bars:
                    bars[what] = start(f"{entry.title}: {what}, fine-tune", plan.epochs)
                bars[what](row)

            made = []
            for form in forms(network, self.data, entry, self.seed, plan, on_epoch):
                self._save(name, form)
                made.append(form)
        return Trained(name, made, done.curves)

    def _recipe(self, recipe: Recipe) -> Recipe:
        epochs = max(1, round(recipe.epochs * self.settings.epoch_share))
        return dataclasses.replace(recipe, epochs=epochs)

    def _save(self, name: str, form: Form) -> None:
        origin = Origin(form.techniques, self.data.name)
        save_model(self.out / _file(name, form), form.network, name, origin)

    def _profile(self, trained: list[Trained]) -> None:
        row = self.data.images[:1]
        for model in trained:
            network: Network = model.forms[0].network
            costs = layer_costs(network, Tensor(row))
            console.print(layer_table(f"{model.title}, {network.describe()}", costs))

    def _measure(
        self, trained: list[Trained]
    ) -> tuple[list[ModelRun], dict[str, list[capstone.BenchmarkReport]]]:
        models: list[ModelRun] = []
        reports: dict[str, list[capstone.BenchmarkReport]] = {}
        for model in trained:
            cases = [(f"{model.name} {f.key}", f.network, self.data) for f in model.forms]
            with console.status(f"measuring the variants of {model.name} in turns"):
                found = measure.benchmark(cases, self.settings.runs)
                variants = [
                    measure.measured_variant(
                        form.network,
                        self.data,
                        report,
                        key=form.key,
                        title=form.title,
                        description=form.description,
                        techniques=form.techniques,
                        file=_file(model.name, form),
                    )
                    for form, report in zip(model.forms, found, strict=True)
                ]
            reports[model.name] = found
            models.append(self._model_run(model, variants))
        return models, reports

    def _photographs(self) -> Photographs:
        found = classified(runs=self.settings.runs)
        say(
            f"  {found.model} ({figures.size(found.file_bytes)}): {found.right} of {found.count} "
            f"right, one in {figures.time_ms(found.latency_us / 1e3)}, in one batch "
            f"{figures.amount(found.images_per_s)} a second"
        )
        return found

    def _text(self) -> WrittenText:
        found = write(lambda piece: print(piece, end="", flush=True), seed=self.seed)
        print()
        say(
            f"  {found.model} ({figures.size(found.file_bytes)}): {found.tokens} characters, "
            f"{figures.amount(found.tokens_per_s)} a second"
        )
        return found

    def _model_run(self, model: Trained, variants: list[Variant]) -> ModelRun:
        tuned = next((f.fine_tuning for f in model.forms if f.fine_tuning is not None), None)
        return ModelRun(
            key=model.name,
            title=model.title,
            architecture=model.forms[0].network.describe(),
            variants=variants,
            training=model.curves,
            fine_tuning=tuned,
            target_accuracy=self.settings.target,
        )

    def _submit(
        self, trained: list[Trained], reports: dict[str, list[capstone.BenchmarkReport]]
    ) -> None:
        model = next(m for m in trained if m.name == SUBMITTED)
        baseline, optimized = reports[SUBMITTED][0], reports[SUBMITTED][-1]
        submission = capstone.generate_submission(
            baseline, optimized, self.student, model.forms[-1].techniques
        )
        capstone.validate_submission_schema(submission)
        capstone.save_submission(submission, self.out / "submission.json")
        gained = submission["improvements"]
        said = [
            figures.speed(gained["speedup"]),
            f"{figures.factor(gained['compression_ratio'])} smaller",
            f"accuracy {figures.points(gained['accuracy_delta'])} points",
        ]
        say(f"  {self.out / 'submission.json'}: valid; {model.title} {', '.join(said)}")

    def _report(
        self,
        models: list[ModelRun],
        trained: list[Trained],
        photographs: Photographs,
        text: WrittenText,
    ) -> None:
        outputs = {m.name: measure.scores(m.forms[-1].network, self.data.images) for m in trained}
        run = Run(
            title="Handwritten digits, trained and made smaller",
            command=" ".join(["tinytorch", *sys.argv[1:]]),
            started=self.started.isoformat(timespec="seconds"),
            seconds=time.perf_counter() - self.clock,
            system_info=capstone.BenchmarkReport().system_info,
            models=models,
            data=DataInfo(
                self.data.name,
                self.data.source,
                self.data.train_count,
                len(self.data.labels),
                list(self.data.classes),
            ),
            examples=examples(self.data, outputs),
            photographs=photographs,
            written=text,
            notes=notes(models, self.settings.plan),
        )
        run.save(self.out / "run.json")
        write_report(run, self.out / "report.html")
        say(f"  {self.out / 'report.html'}: the report")

    def _verdict(self, models: list[ModelRun]) -> int:
        missed = [m for m in models if m.variants[0].metrics["accuracy"] < self.settings.target]
        spent = figures.seconds(time.perf_counter() - self.clock)
        target = figures.percent(self.settings.target, 0)
        if missed:
            names = ", ".join(m.title for m in missed)
            console.print(f"[bold red]missed[/] the target of {target}: {names} ({spent})")
            return FAILED
        console.print(f"[bold green]done[/] in {spent}; every baseline reaches {target}")
        return 0


def _file(name: str, form: Form) -> str:
    return f"{name}.{form.key}.safetensors"
