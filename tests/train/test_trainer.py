"""tinytorch.train.Trainer: the loop, its options, and resuming bit for bit."""

import random
import signal
import sys
import threading

import numpy as np
import pytest

from tinytorch import (
    SGD,
    Adam,
    AdamW,
    CosineSchedule,
    CrossEntropyLoss,
    DataLoader,
    Dropout,
    Linear,
    MSELoss,
    ReLU,
    Tensor,
    TensorDataset,
    clip_grad_norm,
)
from tinytorch._train_metrics import count_hits
from tinytorch.checkpoint import load_latest
from tinytorch.core._module import Layer
from tinytorch.nn import BatchNorm1d
from tinytorch.train import EarlyStop, Evaluation, Trainer


class Net(Layer):
    """Everything that makes resuming hard: dropout draws, running statistics."""

    def __init__(self, dropout: float = 0.3) -> None:
        self.fc1 = Linear(4, 8)
        self.norm = BatchNorm1d(8)
        self.relu = ReLU()
        self.dropout = Dropout(dropout)
        self.fc2 = Linear(8, 3)

    def forward(self, x):
        h = self.relu(self.norm(self.fc1(x)))
        return self.fc2(self.dropout(h, training=self.training))


def problem(count: int = 60) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 4)).astype(np.float32)
    return Tensor(x), Tensor((x @ rng.standard_normal((4, 3))).argmax(1))


def loader(batch_size: int = 8, **options) -> DataLoader:
    return DataLoader(TensorDataset(*problem()), batch_size, **options)


def seed_all(seed: int = 0) -> None:
    np.random.seed(seed)
    random.seed(seed)


def bits(model) -> list[bytes]:
    return [value.tobytes() for value in model.state_dict().values()]


def quiet(model, optimizer, **options) -> Trainer:
    return Trainer(model, optimizer, CrossEntropyLoss(), progress=False, **options)


# ---- the loop ----------------------------------------------------------------------------------


def test_it_does_what_a_loop_written_by_hand_does():
    def by_hand(model) -> list[float]:
        optimizer, loss_fn = Adam(model.parameters(), lr=0.01), CrossEntropyLoss()
        schedule = CosineSchedule(0.02, 0.001, 4)
        losses = []
        for epoch in range(4):
            optimizer.lr = schedule.get_lr(epoch)
            model.train()
            total = 0.0
            for inputs, targets in loader(shuffle=True):
                loss = loss_fn(model(inputs), targets)
                loss.backward()
                clip_grad_norm(model.parameters(), 0.5)
                optimizer.step()
                optimizer.zero_grad()
                total += float(loss.data) * len(inputs.data)
            losses.append(total / 60)
        return losses

    seed_all()
    expected_model = Net()
    expected = by_hand(expected_model)
    seed_all()
    model = Net()
    trainer = quiet(
        model,
        Adam(model.parameters(), lr=0.01),
        schedule=CosineSchedule(0.02, 0.001, 4),
        clip_norm=0.5,
    )
    history = trainer.fit(loader(shuffle=True), 4)
    assert [row["train_loss"] for row in history] == expected
    assert bits(model) == bits(expected_model)
    assert (trainer.epoch, trainer.step, trainer.stopped) == (4, 32, None)
    assert history[3]["lr"] == CosineSchedule(0.02, 0.001, 4).get_lr(3)


def test_it_learns_and_evaluates():
    seed_all()
    model = Net(dropout=0.0)
    trainer = quiet(model, Adam(model.parameters(), lr=0.03))
    rows = []
    trainer.on_epoch = rows.append
    history = trainer.fit(loader(shuffle=True), 30, validation=loader())
    assert rows == history
    assert list(history[0]) == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "lr",
    ]
    assert history[-1]["val_accuracy"] > 0.9
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    result = trainer.evaluate(loader())
    assert result == Evaluation(history[-1]["val_loss"], history[-1]["val_accuracy"])
    x, y = problem()
    model.eval()
    assert result.accuracy == (model(x).data.argmax(1) == y.data).mean()


def test_a_batch_does_not_keep_its_graph():
    class Kept(CrossEntropyLoss):
        def forward(self, outputs, targets):
            losses.append(super().forward(outputs, targets))
            return losses[-1]

    losses = []
    model = Net()
    Trainer(model, SGD(model.parameters(), 0.1), Kept(), progress=False).fit(loader(), 1)
    with pytest.raises(RuntimeError, match="free_graph"):
        losses[0].backward()


def test_evaluation_changes_nothing():
    seed_all()
    model = Net()
    trainer = quiet(model, SGD(model.parameters()))
    before, state = bits(model), np.random.get_state()[1].tobytes()
    trainer.evaluate(loader())
    assert bits(model) == before
    assert np.random.get_state()[1].tobytes() == state
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert trainer.evaluate([]) == Evaluation(0.0, None)


def test_accumulated_batches_make_the_gradient_of_a_larger_one():
    def trained(batch_size: int, accumulate: int) -> list[np.ndarray]:
        seed_all()
        model = Linear(4, 3)
        trainer = quiet(model, SGD(model.parameters(), lr=0.5), accumulate=accumulate)
        trainer.fit(loader(batch_size), 2)
        assert trainer.step == 2 * -(-60 // (batch_size * accumulate))
        return [parameter.data for parameter in model.parameters()]

    for small, large in zip(trained(4, 5), trained(20, 1), strict=True):
        assert np.allclose(small, large, rtol=1e-4, atol=1e-6)
    for small, large in zip(trained(10, 4), trained(40, 1), strict=True):  # a smaller last group
        assert np.allclose(small, large, rtol=1e-4, atol=1e-6)


def test_a_schedule_by_step():
    asked = []

    class Recorded:
        def get_lr(self, n):
            asked.append(n)
            return 0.1 / (n + 1)

    model = Linear(4, 3)
    trainer = quiet(
        model, SGD(model.parameters()), schedule=Recorded(), schedule_by="step", accumulate=2
    )
    history = trainer.fit(loader(), 2)
    assert asked == list(range(8))
    assert history[-1]["lr"] == 0.1 / 8


def test_clipping_by_value_and_norm():
    seen = []

    class Watching(SGD):
        def step(self):
            seen.append([np.array(p.grad) for p in self.params])
            super().step()

    model = Linear(4, 3)
    quiet(model, Watching(model.parameters(), lr=1.0), clip_value=0.01).fit(loader(), 1)
    assert max(np.abs(g).max() for grads in seen for g in grads) == np.float32(0.01)
    seen.clear()
    quiet(model, Watching(model.parameters(), lr=1.0), clip_norm=0.02).fit(loader(), 1)
    norms = [np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads)) for grads in seen]
    assert max(norms) == pytest.approx(0.02, rel=1e-5)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    model = Linear(4, 3)
    trainer = Trainer(
        model, SGD(model.parameters(), lr=1e30), MSELoss(), progress=False, folder=tmp_path
    )
    data = [(Tensor(np.ones((2, 4))), Tensor(np.ones((2, 3))))] * 5
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch \d.*learning rate"):
        trainer.fit(data, 3)
    assert load_latest(tmp_path) is None


def test_arguments_are_checked():
    model = Linear(2, 2)
    optimizer = SGD(model.parameters())
    for options in (
        {"schedule_by": "batch"},
        {"accumulate": 0},
        {"save_every": 0},
        {"save_every": "minute"},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            quiet(model, optimizer, **options)
    with pytest.raises(ValueError, match="monitor"):
        EarlyStop("speed")
    with pytest.raises(ValueError, match="patience"):
        EarlyStop(patience=0)
    with pytest.raises(ValueError, match="folder"):
        quiet(model, optimizer).fit(loader(), 1, resume=True)
    with pytest.raises(ValueError, match="progress"):
        Trainer(model, optimizer, CrossEntropyLoss(), progress="loud").fit([], 1)


def test_a_training_in_another_thread():
    model = Linear(4, 3)
    trainer = quiet(model, SGD(model.parameters()))
    thread = threading.Thread(target=trainer.fit, args=(loader(), 2))
    thread.start()
    thread.join()
    assert trainer.epoch == 2


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        ([[0, 1], [1, 0], [0, 1]], [1, 0, 0], (2, 3)),
        ([[0, 1], [1, 0]], [[0, 1], [0, 1]], (1, 2)),
        ([[[0, 1], [1, 0]]], [[1, 1]], (1, 2)),
        ([[0.2], [0.7]], [0, 1], (0, 0)),
        ([0.2, 0.7], [0, 1], (0, 0)),
        ([[0, 1]], [1, 0], (0, 0)),
    ],
)
def test_accuracy(outputs, targets, expected):
    assert count_hits(Tensor(outputs), Tensor(targets)) == expected
    assert count_hits(np.array(outputs), np.array(targets)) == expected


# ---- early stop --------------------------------------------------------------------------------


class Scripted(Trainer):
    """Validation losses from a list."""

    losses: list[float]

    def evaluate(self, loader):
        return Evaluation(self.losses[self.epoch - 1], 1 - self.losses[self.epoch - 1])


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
@pytest.mark.parametrize("restore_best", [False, True])
def test_early_stop(monitor, restore_best):
    seed_all()
    model = Linear(4, 3)
    rule = EarlyStop(monitor, patience=2, min_delta=0.05, restore_best=restore_best)
    trainer = Scripted(
        model, SGD(model.parameters()), CrossEntropyLoss(), early_stop=rule, progress=False
    )
    trainer.losses = [0.9, 0.5, 0.48, 0.46, 0.1]
    states = []
    trainer.on_epoch = lambda row: states.append(bits(model))
    history = trainer.fit(loader(), 5, validation=loader())
    assert len(history) == 4
    assert trainer.stopped == "early"
    assert (bits(model) == states[1]) == restore_best
    assert trainer.fit(loader(), 9, validation=loader()) == history  # stays stopped


def test_early_stop_without_validation_watches_training():
    model = Linear(4, 3)
    trainer = quiet(model, SGD(model.parameters(), lr=0.0), early_stop=EarlyStop(patience=3))
    assert len(trainer.fit(loader(), 50)) == 4


def test_early_stop_needs_what_it_watches():
    model = Linear(4, 3)
    trainer = Trainer(
        model, SGD(model.parameters()), MSELoss(), early_stop=EarlyStop("accuracy"), progress=False
    )
    with pytest.raises(ValueError, match="accuracy"):
        trainer.fit([(Tensor(np.ones((2, 4))), Tensor(np.ones(3)))], 1)


# ---- what it shows -----------------------------------------------------------------------------


def test_plain_lines(capsys):
    model = Linear(4, 3)
    trainer = Trainer(model, SGD(model.parameters()), CrossEntropyLoss())  # no terminal here
    trainer.fit(loader(), 2, validation=loader())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ")
    assert "validation loss" in lines[0]
    assert "%" in lines[0]
    trainer.progress = False
    trainer.fit(loader(), 3)
    assert capsys.readouterr().out == ""


def test_the_bar(capsys):
    pytest.importorskip("rich")
    model = Linear(4, 3)
    trainer = Trainer(model, SGD(model.parameters()), CrossEntropyLoss(), progress="bar")
    trainer.fit(loader(), 2)
    out = capsys.readouterr().out
    assert "epoch 1/2  loss" in out
    assert "epoch 2/2  loss" in out


def test_without_rich(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    model = Linear(4, 3)
    Trainer(model, SGD(model.parameters()), CrossEntropyLoss()).fit(loader(), 1)
    assert capsys.readouterr().out.startswith("epoch 1/1")


# ---- resuming ----------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.05),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: Adam(p, lr=0.01),
    "adamw": lambda p: AdamW(p, lr=0.01),
}
LOADERS = {
    "global order": {"shuffle": True},
    "seeded, workers": {"shuffle": True, "seed": 4, "num_workers": 2},
    "in order": {},
}


def trainer_for(folder, optimizer: str, **options) -> tuple[Net, Trainer]:
    model = Net()
    return model, quiet(
        model,
        OPTIMIZERS[optimizer](model.parameters()),
        schedule=CosineSchedule(0.05, 0.001, 4),
        early_stop=EarlyStop(patience=3),
        folder=folder,
        **options,
    )


class Stop(Exception):
    pass


def stop_after(trainer: Trainer, updates: int) -> None:
    """Make the trainer die in the middle of its update number `updates` + 1."""
    update = trainer._update

    def dying(batches: int) -> None:
        if trainer.step == updates:
            raise Stop
        update(batches)

    trainer._update = dying


@pytest.mark.parametrize(
    ("optimizer", "kind", "accumulate"),
    [
        *((optimizer, "global order", 1) for optimizer in OPTIMIZERS),
        *(("adam", kind, 1) for kind in LOADERS if kind != "global order"),
        ("momentum", "seeded, workers", 3),
    ],
)
def test_resuming_is_bit_equal_to_never_having_stopped(tmp_path, optimizer, kind, accumulate):
    options = LOADERS[kind]

    def fresh(folder, **more):
        return trainer_for(folder, optimizer, accumulate=accumulate, **more)

    seed_all(5)
    model, trainer = fresh(None)
    history = trainer.fit(loader(**options), 4, validation=loader())
    expected = bits(model), history, np.random.random(), random.random()

    for save_every, updates in (("epoch", 0), ("epoch", 9), (2, 5), (3, 9)):
        folder = tmp_path / f"{save_every}-{updates}"
        seed_all(5)
        model, trainer = fresh(folder, save_every=save_every)
        stop_after(trainer, updates)
        with pytest.raises(Stop):
            trainer.fit(loader(**options), 4, validation=loader())
        found = load_latest(folder)
        if found is None:
            seed_all(5)
        else:
            seed_all(99)  # nothing of the new process matters
        model, trainer = fresh(folder, save_every=save_every)
        trainer.fit(loader(**options), 4, validation=loader(), resume=True)
        assert (bits(model), trainer.history, np.random.random(), random.random()) == expected


def test_ctrl_c_saves_and_stops_and_goes_on(tmp_path, capsys):
    seed_all(1)
    model, trainer = trainer_for(None, "adam")
    trainer.fit(loader(shuffle=True), 4, validation=loader())
    expected = bits(model), trainer.history

    seed_all(1)
    model, trainer = trainer_for(tmp_path, "adam")
    trainer.progress = "plain"
    update = trainer._update

    def interrupted(batches: int) -> None:
        if trainer.step == 11:
            signal.raise_signal(signal.SIGINT)
        update(batches)

    trainer._update = interrupted
    before = signal.getsignal(signal.SIGINT)
    history = trainer.fit(loader(shuffle=True), 4, validation=loader())
    assert signal.getsignal(signal.SIGINT) is before
    assert trainer.stopped == "interrupted"
    assert trainer.step == 12
    assert len(history) == 1
    assert "interrupted after 12 steps, in epoch 2" in capsys.readouterr().out

    seed_all(2)
    model, trainer = trainer_for(tmp_path, "adam")
    trainer.fit(loader(shuffle=True), 4, validation=loader(), resume=True)
    assert (bits(model), trainer.history) == expected
    assert trainer.stopped is None


def test_a_second_ctrl_c_interrupts_at_once():
    _, trainer = trainer_for(None, "sgd")

    def twice(batches: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer._update = twice
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader(), 4)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupted_training_goes_on_in_the_same_trainer():
    seed_all(1)
    model, trainer = trainer_for(None, "adam")
    trainer.fit(loader(), 3)
    expected = bits(model)
    seed_all(1)
    model, trainer = trainer_for(None, "adam")
    trainer.on_epoch = lambda row: row["epoch"] == 1 and signal.raise_signal(signal.SIGINT)
    assert len(trainer.fit(loader(), 3)) == 1
    assert len(trainer.fit(loader(), 3)) == 3
    assert bits(model) == expected


def test_batches_from_a_list_are_found_again_by_counting(tmp_path):
    x, y = problem()
    batches = [(Tensor(x.data[i : i + 8]), Tensor(y.data[i : i + 8])) for i in range(0, 60, 8)]
    seed_all(3)
    model, trainer = trainer_for(None, "adam")
    trainer.fit(batches, 3)
    expected = bits(model), trainer.history
    seed_all(3)
    model, trainer = trainer_for(tmp_path, "adam", save_every=3)
    stop_after(trainer, 13)
    with pytest.raises(Stop):
        trainer.fit(batches, 3)
    model, trainer = trainer_for(tmp_path, "adam", save_every=3)
    trainer.fit(batches, 3, resume=True)
    assert (bits(model), trainer.history) == expected


def test_a_finished_training_stays_finished_and_may_be_extended(tmp_path):
    def run(epochs: int, folder) -> tuple:
        seed_all(4)
        model, trainer = trainer_for(folder, "momentum")
        trainer.fit(loader(shuffle=True), epochs, resume=folder is not None)
        return bits(model), trainer.history

    assert run(2, tmp_path) == run(2, None)
    assert run(2, tmp_path) == run(2, None)
    assert run(4, tmp_path) == run(4, None)


def test_a_model_and_an_optimizer_without_state_dict(tmp_path):
    class Model:
        def __init__(self):
            self.linear = Linear(4, 3)

        def forward(self, x):
            return self.linear.forward(x)

        def parameters(self):
            return self.linear.parameters()

    class Averaging:
        def __init__(self, params):
            self.params = params
            self.lr = 0.1
            self.count = 0
            self.means = [None] * len(params)

        def step(self):
            self.count += 1
            for i, p in enumerate(self.params):
                old = 0.0 if self.means[i] is None else self.means[i]
                self.means[i] = np.asarray(old + (p.grad - old) / self.count, np.float32)
                p.data = p.data - self.lr * self.means[i]

        def zero_grad(self):
            for p in self.params:
                p.grad = None

    def run(folder, stop: int | None) -> list[bytes]:
        seed_all(6)
        model = Model()
        trainer = quiet(model, Averaging(model.parameters()), folder=folder, save_every=2)
        if stop is not None:
            stop_after(trainer, stop)
            with pytest.raises(Stop):
                trainer.fit(loader(shuffle=True), 2)
            return []
        trainer.fit(loader(shuffle=True), 2, resume=folder is not None)
        return [p.data.tobytes() for p in model.parameters()]

    expected = run(None, None)
    run(tmp_path, 5)
    assert run(tmp_path, None) == expected


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    _, trainer = trainer_for(tmp_path, "adam")
    trainer.fit(loader(), 1)
    with pytest.raises(ValueError, match="batch_size 8"):
        trainer_for(tmp_path, "adam")[1].fit(loader(9), 2, resume=True)
    with pytest.raises(ValueError, match="state of Adam, the optimizer is SGD"):
        trainer_for(tmp_path, "sgd")[1].fit(loader(), 2, resume=True)
    other = Linear(4, 3)
    with pytest.raises(ValueError, match="another model"):
        quiet(other, Adam(other.parameters()), folder=tmp_path).fit(loader(), 2, resume=True)
