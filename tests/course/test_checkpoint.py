"""Trainer checkpoints: round trip, resume, damage, foreign pickles (contract 9.3)."""

import contextlib
import pickle

import numpy as np
import pytest

from tinytorch import SGD, Adam, CosineSchedule, Linear, MSELoss, Tensor, Trainer
from tinytorch.core import _checkpoint

NAMES = ["state.pkl", "state.safetensors"]


def make(seed, optimizer=None, scheduler=None):
    np.random.seed(seed)
    model = Linear(2, 1)
    make_optimizer = optimizer or (lambda p: SGD(p, lr=0.05, momentum=0.9))
    return Trainer(model, make_optimizer(model.parameters()), MSELoss(), scheduler)


def batches():
    rng = np.random.default_rng(7)
    return [
        (Tensor(rng.standard_normal((3, 2))), Tensor(rng.standard_normal((3, 1)))) for _ in range(3)
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimizer", [None, Adam, SGD], ids=["momentum", "adam", "sgd"])
def test_resuming_is_never_having_stopped(tmp_path, optimizer, name):
    schedule = CosineSchedule(0.1, 0.01, 10)
    straight = make(0, optimizer, schedule)
    straight.train_epoch(batches())
    path = tmp_path / "deep" / "er" / name
    straight.save_checkpoint(str(path))
    straight.train_epoch(batches())

    resumed = make(1, optimizer, CosineSchedule())
    resumed.load_checkpoint(str(path))
    assert (resumed.epoch, resumed.step) == (1, 3)
    assert resumed.history["train_loss"] == straight.history["train_loss"][:1]
    assert resumed.scheduler.max_lr == 0.1
    assert resumed.scheduler.total_epochs == 10
    resumed.train_epoch(batches())
    np.testing.assert_array_equal(resumed.model.weight.data, straight.model.weight.data)
    np.testing.assert_array_equal(resumed.model.bias.data, straight.model.bias.data)
    assert resumed.history == straight.history


def test_the_file_is_a_pickle_of_the_courses_form(tmp_path):
    path = tmp_path / "state.pkl"
    t = make(0, scheduler=CosineSchedule(0.2, 0.1, 5))
    t.train_epoch(batches())
    t.history["train_loss"][0] = np.float64(t.history["train_loss"][0])  # a program's own loop
    t.save_checkpoint(path)
    with path.open("rb") as file:
        state = pickle.load(file)
    assert state["epoch"] == 1
    assert state["step"] == 3
    assert state["training_mode"] is True
    assert state["scheduler_state"] == {"max_lr": 0.2, "min_lr": 0.1, "total_epochs": 5}
    assert state["history"] == t.history
    assert state["optimizer_state"]["lr"] == t.optimizer.lr
    for index, parameter in enumerate(t.model.parameters()):
        np.testing.assert_array_equal(state["model_state"][index], parameter.data)
        buffer = state["optimizer_state"]["momentum_buffers"][index]
        np.testing.assert_array_equal(buffer, t.optimizer.momentum_buffers[index])
        assert type(state["model_state"][index]) is np.ndarray
    assert [p.name for p in tmp_path.iterdir()] == ["state.pkl"]


def test_no_pickle_is_written_under_the_name_of_the_other_format(tmp_path):
    path = tmp_path / "state.safetensors"
    make(0).save_checkpoint(path)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(path.read_bytes())
    make(1).load_checkpoint(path)


@pytest.mark.parametrize("name", NAMES)
def test_objects_of_classes_are_not_written(tmp_path, name):
    t = make(0)
    t.history["mine"] = [make]
    with pytest.raises(TypeError):
        t.save_checkpoint(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        make(0).load_checkpoint(tmp_path / "none.pkl")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_of_the_courses_form_is_read(tmp_path, protocol):
    state = {
        "epoch": 4,
        "step": 9,
        "model_state": {0: np.array([[1.0], [2.0]], dtype=np.float32), 1: np.array([3.0])},
        "optimizer_state": {"lr": 0.5, "momentum_buffers": [np.ones((2, 1)), None]},
        "scheduler_state": None,
        "history": {"train_loss": [np.float64(1.5)], "eval_loss": [], "learning_rates": []},
        "training_mode": False,
    }
    path = tmp_path / "course.pkl"
    path.write_bytes(pickle.dumps(state, protocol))
    t = make(0)
    t.load_checkpoint(path)
    assert (t.epoch, t.step, t.optimizer.lr, t.training_mode) == (4, 9, 0.5, False)
    np.testing.assert_array_equal(t.model.weight.data, [[1], [2]])
    np.testing.assert_array_equal(t.optimizer.momentum_buffers[0], np.ones((2, 1)))
    assert t.history["train_loss"] == [1.5]


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"model_state": Evil()}))
    with pytest.raises(ValueError, match=r"io\.open|asks for"):
        make(0).load_checkpoint(path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"pickle|safetensors|checkpoint"):
        make(0).load_checkpoint(path)


@pytest.mark.parametrize("name", NAMES)
def test_damage_never_changes_the_model_half_way(tmp_path, name):
    path = tmp_path / name
    t = make(0)
    t.save_checkpoint(path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, len(data) + 1)])
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            t.load_checkpoint(path)
        assert t.model.weight.shape == (2, 1)


def test_a_model_of_another_shape(tmp_path):
    path = tmp_path / "state"
    make(0).save_checkpoint(path)
    model = Linear(3, 1)
    other = Trainer(model, SGD(model.parameters()), MSELoss())
    before = model.weight.data.copy()
    with pytest.raises(ValueError, match="shape"):
        other.load_checkpoint(path)
    np.testing.assert_array_equal(model.weight.data, before)
    model = Linear(2, 1, bias=False)
    with pytest.raises(ValueError, match="doesn't match"):
        Trainer(model, SGD(model.parameters()), MSELoss()).load_checkpoint(path)


@pytest.mark.parametrize("name", NAMES)
def test_values_of_all_kinds(tmp_path, name):
    path = tmp_path / name
    state = {
        "nan": [float("nan"), float("inf"), -float("inf")],
        "arrays": {0: np.arange(3), "x": np.zeros((0, 2), dtype=np.float64)},
        "$odd": {"$array": "not an array"},
        "numpy": np.float32(1.5),
        "none": None,
        "text": "ünïcode",
    }
    _checkpoint.write(path, state)
    read = _checkpoint.read(path)
    assert np.isnan(read["nan"][0])
    assert read["nan"][1:] == [float("inf"), -float("inf")]
    np.testing.assert_array_equal(read["arrays"][0], np.arange(3))
    assert read["arrays"]["x"].shape == (0, 2)
    assert read["$odd"] == {"$array": "not an array"}
    assert (read["numpy"], read["none"], read["text"]) == (1.5, None, "ünïcode")


def test_helpers_of_the_state():
    t = make(0)
    state = t._get_model_state()
    assert list(state) == [0, 1]
    state[0][:] = 5
    assert not np.any(t.model.weight.data == 5)
    t._set_model_state(state)
    np.testing.assert_array_equal(t.model.weight.data, np.full((2, 1), 5))
    assert t._get_optimizer_state()["lr"] == 0.05
    assert "momentum_buffers" in t._get_optimizer_state()
    assert t._get_scheduler_state() is None
    t.scheduler = CosineSchedule(0.3, 0.1, 7)
    assert t._get_scheduler_state() == {"max_lr": 0.3, "min_lr": 0.1, "total_epochs": 7}
    t._set_scheduler_state({"max_lr": 0.9, "unknown": 1})
    assert t.scheduler.max_lr == 0.9
    t._set_optimizer_state({"lr": 0.7})
    assert t.optimizer.lr == 0.7


def test_arrays_whose_paths_read_alike_stay_apart(tmp_path):
    """A path joins keys by dots, which keys may hold too."""
    state = {"a.b": np.ones(2), "a": {"b": np.zeros(3), "": np.full(1, 5.0)}, "a.b'": np.arange(4)}
    state |= {
        "": np.full(1, 7.0),
        "value": np.full(2, 8.0),
        "x": [np.full(1, 9.0)],
        "x.0": np.ones(1),
    }
    path = tmp_path / "state.safetensors"
    _checkpoint.write(path, state)
    read = _checkpoint.read(path)
    assert read.keys() == state.keys()
    for name in state.keys() - {"a", "x"}:
        np.testing.assert_array_equal(read[name], state[name])
    np.testing.assert_array_equal(read["a"]["b"], state["a"]["b"])
    np.testing.assert_array_equal(read["a"][""], state["a"][""])
    np.testing.assert_array_equal(read["x"][0], state["x"][0])
