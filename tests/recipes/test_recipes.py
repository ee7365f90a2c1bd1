"""Trainings by a recipe, on a small set in CIFAR-10's form that is learnt in seconds."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytorch import CrossEntropyLoss, Tensor
from tinytorch.datasets import CIFAR10, Augment, ImageLoader, TinyShapes
from tinytorch.models import MODELS, create, load_model
from tinytorch.models.cifar import plain_swiftcnn, speednet_residual
from tinytorch.models.convnet import ConvNet, normalized_bytes
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.recipes import RECIPES, ImageRecipe, RecipeRun, recipe
from tinytorch.recipes._mixed import MixedLoss
from tinytorch.recipes._quant_aware import QuantAwareNet
from tinytorch.recipes._start import whitening_filters
from tinytorch.recipes._teacher import TaughtLoader, _Teacher
from tinytorch.workflow.fit import seed_all

SMALL = ImageRecipe(
    "small", model="swiftcnn-tiny", epochs=3, batch_size=32, lr=0.1, weight_decay=1e-4,
    augment=Augment(pad=2, flip="none"), average=0.9, nodes=tuple(plain_swiftcnn((16, 48, 64))),
)  # fmt: skip


class Figures(CIFAR10):
    """Three kinds of figures."""

    def __init__(self) -> None:
        self._parts = {}

    def _load(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        pixels, labels = TinyShapes().raw(split)
        rows = np.flatnonzero(labels < 3)[: 512 if split == "train" else 150]
        return pixels[rows], labels[rows]


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures()


def run(figures: Figures, **options: Any) -> RecipeRun:
    given = {"data": figures, "progress": False, "precision": "f32", **options}
    made = RecipeRun(given.pop("recipe", SMALL), **given)
    made.train()
    return made


def test_every_recipe_names_a_model_and_starts() -> None:
    for name, one in RECIPES.items():
        assert recipe(name) is one
        assert one.model in MODELS
    with pytest.raises(ValueError, match="quick, standard, best"):
        recipe("slow")


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_training_learns_and_tells_what_it_did(
    figures: Figures, precision: str, tmp_path: Path
) -> None:
    done = run(
        figures, folder=tmp_path, precision=precision, recipe=dataclasses.replace(SMALL, epochs=8)
    )
    assert done.accuracy > 0.6
    assert [row["epoch"] for row in done.history] == list(range(1, 9))
    seconds = [row["seconds"] for row in done.history]
    assert seconds == sorted(seconds)
    saved = load_model(tmp_path / "swiftcnn-tiny")
    assert saved.config["training"]["test_accuracy"] == done.accuracy
    assert saved.config["training"]["precision"] == precision
    assert json.loads((tmp_path / "train.json").read_text())["seed"] == 0
    images, labels = figures.get_test_data()
    answers = saved.network.forward(Tensor(images)).data.argmax(axis=1)
    assert abs(np.mean(answers == labels) - done.accuracy) <= 1 / len(labels)


def test_one_seed_one_result_however_often_it_is_evaluated(figures: Figures) -> None:
    a, b = run(figures), run(figures, every_epoch=False)
    c = run(figures, seed=1)
    assert all(np.array_equal(x, y) for x, y in zip(states(a), states(b), strict=True))
    assert any(not np.array_equal(x, y) for x, y in zip(states(a), states(c), strict=True))


def states(done: RecipeRun) -> list[np.ndarray]:
    return list(done.network.state_dict().values())


def test_an_interrupted_training_ends_as_an_undisturbed_one(
    figures: Figures, tmp_path: Path
) -> None:
    def press(row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    cut = run(figures, folder=tmp_path, on_epoch=press)
    assert cut.stopped == "interrupted"
    assert not (tmp_path / "swiftcnn-tiny.safetensors").exists()
    done = run(figures, folder=tmp_path, resume=True)
    assert done.stopped is None
    assert len(done.history) == 3
    assert all(
        np.array_equal(x, y) for x, y in zip(states(done), states(run(figures)), strict=True)
    )


def test_a_training_may_begin_with_small_images(figures: Figures, tmp_path: Path) -> None:
    begun = dataclasses.replace(SMALL, small_epochs=2, epochs=8)
    whole = run(figures, recipe=begun)
    assert whole.accuracy > 0.6

    def press(row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    run(figures, recipe=begun, folder=tmp_path, on_epoch=press)
    resumed = run(figures, recipe=begun, folder=tmp_path, resume=True)
    assert all(np.array_equal(x, y) for x, y in zip(states(resumed), states(whole), strict=True))
    with pytest.raises(ValueError, match="small_epochs must be 0"):
        run(figures, recipe=begun, teacher=tmp_path / "swiftcnn-tiny")


def test_filters_learn_by_muon_where_norms_follow_them(figures: Figures) -> None:
    muon = dataclasses.replace(SMALL, muon=0.05, epochs=4)
    done = run(figures, recipe=muon)
    assert done.accuracy > 0.6
    for name, layer in done.network.named_layers():
        if name.startswith("s"):
            filters = np.asarray(getattr(layer, "weight", np.zeros((0, 1))))
            if filters.ndim == 4:  # at unit norm but for the last step and the average
                assert np.linalg.norm(filters) == pytest.approx(np.sqrt(len(filters)), rel=0.3)
    with pytest.raises(ValueError, match="muon=0 for cnn_baseline"):
        run(figures, recipe=dataclasses.replace(muon, model="cnn_baseline", nodes=None))


def test_residual_blocks_begin_by_adding_nothing(figures: Figures) -> None:
    nodes = tuple(speednet_residual((8, 8, 8)))
    one = dataclasses.replace(SMALL, nodes=nodes, identity=True)
    made = RecipeRun(one, data=figures, progress=False)
    made.prepare()
    norms = {name: net for name, net in made.network.named_layers() if name.endswith("_bn")}
    for name, norm in norms.items():
        assert (np.asarray(norm.gamma.data) == (0.0 if "c" in name else 1.0)).all(), name
    assert sum("c" in name for name in norms) == 3


def test_held_out_images_are_not_trained_on(figures: Figures) -> None:
    images, _ = figures.raw("train")
    held = run(figures, holdout=100, recipe=dataclasses.replace(SMALL, epochs=1))
    assert 0 < held.accuracy < 1
    with pytest.raises(ValueError, match="holdout"):
        run(figures, holdout=len(images))


def test_a_teacher_takes_part(figures: Figures, tmp_path: Path) -> None:
    teacher = run(figures, folder=tmp_path, recipe=dataclasses.replace(SMALL, epochs=8))
    taught = dataclasses.replace(SMALL, epochs=4, teacher_share=0.9)
    alone = run(figures, recipe=taught, seed=5)
    helped = run(figures, recipe=taught, seed=5, teacher=tmp_path / "swiftcnn-tiny")
    assert teacher.accuracy > 0.6
    assert any(not np.array_equal(x, y) for x, y in zip(states(alone), states(helped), strict=True))
    assert helped.settings()["recipe"]["teacher_share"] == 0.9
    assert alone.settings()["recipe"]["teacher_share"] == 0.0


def test_a_teacher_is_asked_about_mirror_images_too(figures: Figures, tmp_path: Path) -> None:
    run(figures, folder=tmp_path, recipe=dataclasses.replace(SMALL, epochs=1))
    images, labels = figures.raw("train")
    network = load_model(tmp_path / "swiftcnn-tiny").network
    assert isinstance(network, ConvNet)
    teacher = Int8ConvNet.of(network, images[:64])
    session = teacher.session(batch=32)
    mean, std = network.mean.tolist(), network.std.tolist()

    def loader() -> ImageLoader:
        return ImageLoader(images, labels, 32, mean=mean, std=std, shuffle=False)

    for (_, targets), (batch, _) in zip(
        TaughtLoader(loader(), teacher, mirrored=True), loader(), strict=True
    ):
        pixels = np.asarray(batch.data)
        both = session(pixels) + session(np.ascontiguousarray(pixels[..., ::-1]))
        np.testing.assert_allclose(targets[:, 1:], both / 2, rtol=1e-5, atol=1e-5)


def test_several_teachers_take_turns(figures: Figures) -> None:
    images, labels = figures.raw("train")
    images, labels = images[:96], labels[:96]
    teachers = []
    for seed in (1, 2):
        seed_all(seed)
        teachers.append(Int8ConvNet.of(create("swiftcnn-tiny"), images[:64]))
    network = teachers[0]

    def loader() -> ImageLoader:
        mean, std = network.mean.tolist(), network.std.tolist()
        return ImageLoader(images, labels, 32, mean=mean, std=std, shuffle=False)

    taught, plain = TaughtLoader(loader(), *teachers), loader()
    asked = []
    for _ in range(2):  # epochs
        for (_, targets), (batch, _) in zip(taught, plain, strict=True):
            pixels = np.asarray(batch.data)
            answers = [one.session(batch=32)(pixels) for one in teachers]
            asked.append([np.array_equal(targets[:, 1:], each) for each in answers].index(True))
    # One after the other, and each batch asks the other one in the next epoch.
    assert asked in ([0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0])
    assert asked[:3] != asked[3:]


def test_a_teacher_is_asked_once_about_batches_that_come_again(
    figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = figures.raw("train")
    seed_all(3)
    teacher = Int8ConvNet.of(create("swiftcnn-tiny"), images[:64])

    def taught(period: int) -> TaughtLoader:
        loader = ImageLoader(
            images[:96], labels[:96], 32, mean=teacher.mean.tolist(), std=teacher.std.tolist(),
            augment=Augment(pad=2, mix=0.5), period=period,
        )  # fmt: skip
        return TaughtLoader(loader, teacher)

    def targets(loader: TaughtLoader) -> list[np.ndarray]:
        return [answer for _, answer in loader]

    new, again = taught(0), taught(2)
    wanted = [targets(new) for _ in range(2)]
    found = [targets(again) for _ in range(2)]
    monkeypatch.setattr(_Teacher, "scores", None)  # from here on nobody may be asked
    found += [targets(again) for _ in range(2)]
    assert np.array_equal(found, wanted + wanted)


def test_a_training_whose_batches_come_again_resumes(figures: Figures, tmp_path: Path) -> None:
    run(figures, folder=tmp_path / "teacher", recipe=dataclasses.replace(SMALL, epochs=1))
    taught = dataclasses.replace(SMALL, epochs=4, teacher_share=0.9, period=2)
    options: dict[str, Any] = {"recipe": taught, "teacher": tmp_path / "teacher/swiftcnn-tiny"}

    def press(row: dict[str, Any]) -> None:
        if row["epoch"] == 3:
            signal.raise_signal(signal.SIGINT)

    folder = tmp_path / "cut"
    assert run(figures, folder=folder, on_epoch=press, **options).stopped == "interrupted"
    done, whole = run(figures, folder=folder, resume=True, **options), run(figures, **options)
    assert all(np.array_equal(x, y) for x, y in zip(states(done), states(whole), strict=True))


def test_mixed_images_are_learnt_from_by_their_shares(figures: Figures, tmp_path: Path) -> None:
    mixed = dataclasses.replace(SMALL, epochs=8, augment=Augment(pad=2, mix=0.5))
    learnt = run(figures, folder=tmp_path, recipe=mixed)
    assert learnt.accuracy > 0.6
    taught = dataclasses.replace(mixed, epochs=2, teacher_share=0.5)
    assert run(figures, recipe=taught, teacher=tmp_path / "swiftcnn-tiny").stopped is None


def test_the_mixed_loss_is_that_of_mixed_targets() -> None:
    r = np.random.default_rng(0)
    scores = Tensor(r.standard_normal((5, 4)).astype(np.float32))
    one, other = r.integers(0, 4, (2, 5))
    logs = scores.data - np.log(np.exp(scores.data).sum(axis=1, keepdims=True))
    rows = np.arange(5)
    wanted = -(0.25 * logs[rows, one] + 0.75 * logs[rows, other]).mean()
    targets = np.stack([one, other, np.full(5, 0.25)], axis=1).astype(np.float32)
    found = MixedLoss().forward(scores, targets)
    np.testing.assert_allclose(found.data, wanted, rtol=1e-6)
    plain = CrossEntropyLoss().forward(scores, one)
    assert MixedLoss().forward(scores, one).data == plain.data


def test_training_with_int8s_rounding(figures: Figures, tmp_path: Path) -> None:
    trained = run(figures, folder=tmp_path / "a", recipe=dataclasses.replace(SMALL, epochs=8))
    rounded = dataclasses.replace(SMALL, epochs=1, lr=0.002, int8=True, average=0.0)
    begin = tmp_path / "a" / "swiftcnn-tiny"
    done = run(figures, folder=tmp_path / "b", recipe=rounded, begin=begin)
    assert isinstance(done.result, Int8ConvNet)
    assert done.accuracy > trained.accuracy - 0.1
    saved = load_model(tmp_path / "b" / "swiftcnn-tiny")
    assert isinstance(saved.network, Int8ConvNet)
    assert "quantization_aware_training" in saved.techniques
    with pytest.raises(ValueError, match="begins with a trained network"):
        RecipeRun(rounded)
    with pytest.raises(ValueError, match="float weights"):
        run(figures, recipe=rounded, begin=tmp_path / "b" / "swiftcnn-tiny")


def test_training_with_int8s_rounding_in_bfloat16(figures: Figures, tmp_path: Path) -> None:
    run(figures, folder=tmp_path, recipe=dataclasses.replace(SMALL, epochs=4))
    rounded = dataclasses.replace(SMALL, epochs=1, lr=0.01, int8=True)
    tuned = run(figures, recipe=rounded, begin=tmp_path / "swiftcnn-tiny", precision="bf16")
    assert isinstance(tuned.result, Int8ConvNet)


def test_the_rounded_forward_pass_is_what_the_int8_session_computes(figures: Figures) -> None:
    done = run(figures, recipe=dataclasses.replace(SMALL, epochs=6))
    images, _ = figures.raw("test")
    seen = normalized_bytes(done.network, images)
    aware = QuantAwareNet.of(done.network)
    aware.eval()
    plain = aware.scores(Tensor(seen)).data
    aware.train()
    rounded = aware.scores(Tensor(seen)).data
    session = aware.plain().session(precision="int8", calibration=seen)
    spread = np.abs(plain - plain.mean(axis=0)).mean()
    assert np.abs(session(seen) - rounded).mean() < 0.03 * spread
    assert np.abs(plain - rounded).mean() < 0.1 * spread
    # Gradients reach the weights as if nothing were rounded.
    CrossEntropyLoss().forward(aware.scores(Tensor(seen[:8])), np.zeros(8, np.int64)).backward()
    assert all(np.abs(p.grad).max() > 0 for p in aware.parameters())


def test_whitened_patches_are_uncorrelated() -> None:
    r = np.random.default_rng(0)
    images = r.standard_normal((200, 3, 9, 9)).cumsum(axis=3).astype(np.float32)
    filters = whitening_filters(images, 2, 24)
    assert filters.shape == (24, 3, 2, 2)
    assert np.array_equal(filters[12:], -filters[:12])
    windows = np.lib.stride_tricks.sliding_window_view(images, (2, 2), axis=(2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12)
    made = patches @ filters[:12].reshape(12, 12).T
    np.testing.assert_allclose(np.cov(made.T), np.eye(12), atol=0.02)
