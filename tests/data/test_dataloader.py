"""DataLoader: the course's contract, and the options that go beyond it."""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinytorch import DataLoader, Dataset, Tensor, TensorDataset
from tinytorch.core.dataloader import sample_rng
from tinytorch.engine import Generator


def numbered(count: int) -> TensorDataset:
    x = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    return TensorDataset(Tensor(x), Tensor(np.arange(count)))


def labels_of(loader) -> list[float]:
    return [value for batch in loader for value in batch[-1].data.tolist()]


def loader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("tinytorch-loader")]


class Slow(Dataset):
    """Samples that take a while, and longer for early ones, so that workers finish out of order."""

    def __init__(self, count: int, fail_at: int | None = None) -> None:
        self.count = count
        self.fail_at = fail_at

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        time.sleep(0.004 if index % 4 == 0 else 0.001)
        if index == self.fail_at:
            raise RuntimeError(f"sample {index} is broken")
        return np.full(2, index, np.float32), index


class Noisy(Dataset):
    """Samples with random noise, as an augmentation would add."""

    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return sample_rng().random(3) + index, index


def values_of(loader) -> list[bytes]:
    return [b"".join(field.data.tobytes() for field in batch) for batch in loader]


# ---- the course's contract ---------------------------------------------------------------------


def test_dataset_is_abstract():
    with pytest.raises(TypeError):
        Dataset()

    class NoConstructor(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, idx):
            return (np.zeros(2),)

    assert len(NoConstructor()) == 1


def test_tensor_dataset():
    dataset = numbered(5)
    assert len(dataset) == 5
    assert isinstance(dataset.tensors, tuple)
    row, label = dataset[3]
    assert isinstance(row, Tensor)
    assert row.data.tolist() == [9, 10, 11]
    assert label.shape == ()
    row.data[:] = 0
    assert dataset.tensors[0].data[3].tolist() == [9, 10, 11]
    for index in (-1, 5, 100):
        with pytest.raises(IndexError, match="out of range"):
            dataset[index]
    with pytest.raises(AssertionError):
        TensorDataset()
    with pytest.raises(ValueError, match="same size in first dimension"):
        TensorDataset(Tensor(np.zeros(3)), Tensor(np.zeros(4)))
    with pytest.raises(ValueError, match="0-d"):
        TensorDataset(Tensor(1.0))


def test_batches_in_order():
    loader = DataLoader(numbered(7), 3)
    assert (loader.batch_size, loader.shuffle, len(loader)) == (3, False, 3)
    batches = list(loader)
    assert all(type(batch) is tuple for batch in batches)
    assert [batch[0].shape for batch in batches] == [(3, 3), (3, 3), (1, 3)]
    assert [batch[1].data.tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert batches[0][0].data.dtype == np.float32
    assert labels_of(loader) == list(range(7))  # again


def test_shuffling_is_random_shuffle_of_a_list():
    loader = DataLoader(numbered(20), 6, shuffle=True)
    random.seed(3)
    first, second = labels_of(loader), labels_of(loader)
    random.seed(3)
    expected = []
    for _ in range(2):
        indices = list(range(20))
        random.shuffle(indices)
        expected.append(indices)
    assert [first, second] == expected


def test_random_shuffle_may_be_replaced(monkeypatch):
    monkeypatch.setattr(random, "shuffle", lambda items: items.reverse())
    assert labels_of(DataLoader(numbered(5), 2, shuffle=True)) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "dataset",
    [
        [(np.ones(2), np.int64(0)), (np.zeros(2), np.int64(1))],
        [(np.ones(2), np.float32(0)), (np.zeros(2), np.float32(1))],
        [(Tensor([1, 1]), Tensor(0)), (Tensor([0, 0]), Tensor(1))],
        [([1.0, 1.0], 0), ([0.0, 0.0], 1)],
        [(np.ones(2), False), (np.zeros(2), True)],
    ],
)
def test_samples_of_many_kinds(dataset):
    ((x, y),) = DataLoader(dataset, 4)
    assert x.data.tolist() == [[1, 1], [0, 0]]
    assert y.data.tolist() == [0, 1]
    assert x.data.dtype == y.data.dtype == np.float32


def test_samples_of_one_field():
    ((x,),) = DataLoader([np.ones(2), np.zeros(2)], 2)
    assert x.shape == (2, 2)
    ((x,),) = DataLoader([1, 2, 3], 3)
    assert x.data.tolist() == [1, 2, 3]


def test_collate():
    loader = DataLoader([], 2)
    assert loader._collate_batch([]) == ()
    assert len(loader) == 0
    assert list(loader) == []
    with pytest.raises(ValueError, match="one shape"):
        loader._collate_batch([(np.zeros(2),), (np.zeros(3),)])
    with pytest.raises(ValueError, match="numbers of fields"):
        loader._collate_batch([(np.zeros(2),), (np.zeros(2), 1)])


def test_batch_size_is_required_and_positive():
    with pytest.raises(TypeError):
        DataLoader(numbered(3))
    for arguments in ({"batch_size": 0}, {"batch_size": 1, "num_workers": -1}):
        with pytest.raises(ValueError, match="at least"):
            DataLoader(numbered(3), **arguments)


# ---- taking a whole batch ----------------------------------------------------------------------


def test_a_batch_taken_at_once_equals_stacked_samples():
    dataset = TensorDataset(
        Tensor(np.random.default_rng(0).standard_normal((11, 2, 3))), Tensor(np.arange(11))
    )
    plain = [dataset[i] for i in range(11)]
    random.seed(1)
    direct = values_of(DataLoader(dataset, 4, shuffle=True))
    random.seed(1)
    assert direct == values_of(DataLoader(plain, 4, shuffle=True))
    (x, _), *_ = DataLoader(dataset, 4)
    x.data[:] = 0  # a batch is a copy
    assert dataset.tensors[0].data.any()


def test_batches_follow_replaced_data():
    dataset = numbered(4)
    loader = DataLoader(dataset, 4)
    dataset.tensors[0].data = np.full((4, 3), 5.0)
    ((x, _),) = loader
    assert (x.data == 5).all()


def test_a_redefined_getitem_or_collate_is_used():
    class Doubled(TensorDataset):
        def __getitem__(self, idx):
            return tuple(Tensor(t.data * 2) for t in super().__getitem__(idx))

    dataset = Doubled(Tensor(np.arange(4)))
    assert labels_of(DataLoader(dataset, 4)) == [0, 2, 4, 6]

    class First(DataLoader):
        def _collate_batch(self, batch):
            return batch[0]

    assert [batch[1].item() for batch in First(numbered(4), 2)] == [0, 2]
    loader = DataLoader(numbered(4), 2)
    loader._collate_batch = lambda batch: len(batch)
    assert list(loader) == [2, 2]


# ---- options -----------------------------------------------------------------------------------


def test_drop_last():
    loader = DataLoader(numbered(7), 3, drop_last=True)
    assert len(loader) == 2
    assert labels_of(loader) == list(range(6))
    assert len(DataLoader(numbered(6), 3, drop_last=True)) == 2


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_seed_decides_the_order(workers):
    def orders(seed: int) -> list[list[float]]:
        loader = DataLoader(numbered(30), 7, shuffle=True, seed=seed, num_workers=workers)
        return [labels_of(loader) for _ in range(3)]

    random.seed(0)
    before = random.getstate()
    first = orders(5)
    assert random.getstate() == before  # the global generator is left alone
    random.seed(99)
    assert orders(5) == first
    assert orders(6) != first
    assert first[0] != first[1]
    assert all(sorted(order) == list(range(30)) for order in first)
    assert labels_of(DataLoader(numbered(30), 1, shuffle=True, seed=5)) == first[0]


@pytest.mark.parametrize("make", [lambda: random.Random(4), lambda: Generator(4)])
def test_a_generator_decides_the_order(make):
    first = [labels_of(DataLoader(numbered(30), 7, shuffle=True, generator=make()))]
    random.seed(1)
    assert first == [labels_of(DataLoader(numbered(30), 7, shuffle=True, generator=make()))]
    shared = make()
    loader = DataLoader(numbered(30), 7, shuffle=True, generator=shared)
    assert labels_of(loader) == first[0]
    assert labels_of(loader) != first[0]


def test_seed_and_generator_are_checked():
    with pytest.raises(ValueError, match="not both"):
        DataLoader(numbered(3), 1, seed=1, generator=random.Random())
    with pytest.raises(TypeError, match="generator"):
        DataLoader(numbered(3), 1, generator=np.random)
    with pytest.raises(ValueError, match="seed"):
        DataLoader(numbered(3), 1, seed=-1)


def test_augmentation_does_not_depend_on_the_number_of_workers():
    def epochs(workers: int) -> list[list[bytes]]:
        loader = DataLoader(Noisy(), 5, shuffle=True, seed=9, num_workers=workers)
        return [values_of(loader) for _ in range(2)]

    expected = epochs(0)
    assert expected[0] != expected[1]
    assert epochs(1) == epochs(4) == expected


def test_without_options_augmentation_draws_from_the_global_generator():
    np.random.seed(8)
    got = next(iter(DataLoader(Noisy(), 23)))[0].data
    np.random.seed(8)
    assert np.array_equal(got, np.float32([np.random.random(3) + i for i in range(23)]))
    assert sample_rng() is np.random


# ---- workers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_keep_the_order_and_leave_no_thread(workers):
    loader = DataLoader(Slow(20), 3, num_workers=workers)
    assert labels_of(loader) == list(range(20))
    assert loader_threads() == []


def test_workers_do_prepare_ahead_but_not_without_bound():
    asked = []

    class Watched(Slow):
        def __getitem__(self, index):
            asked.append(index)
            return index

    iterator = iter(DataLoader(Watched(100), 1, num_workers=2, prefetch_factor=2))
    next(iterator)
    deadline = time.monotonic() + 5
    while len(asked) < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(asked) == 5  # one taken, four ahead
    iterator.close()


def test_an_exception_comes_in_its_turn():
    iterator = iter(DataLoader(Slow(20, fail_at=9), 2, num_workers=3))
    assert [next(iterator)[1].data.tolist() for _ in range(4)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with pytest.raises(RuntimeError, match="sample 9 is broken") as info:
        next(iterator)
    assert any(entry.name == "__getitem__" for entry in info.traceback)
    assert loader_threads() == []


def test_an_abandoned_iteration_ends_its_threads():
    loader = DataLoader(Slow(1000), 2, num_workers=3)
    for _ in loader:
        break
    gc.collect()
    assert loader_threads() == []
    iterator = iter(loader)
    next(iterator)
    assert loader_threads()
    del iterator
    gc.collect()
    assert loader_threads() == []


def test_two_iterations_at_once():
    loader = DataLoader(Slow(8), 2, num_workers=2)
    pairs = [(a[1].data[0], b[1].data[0]) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [(0, 0), (2, 2), (4, 4), (6, 6)]


CTRL_C = """
import sys, threading, time
import numpy as np
from tinytorch import DataLoader

class Slow:
    def __len__(self): return 100000
    def __getitem__(self, i):
        time.sleep(0.05)
        return np.zeros(1)

try:
    for i, _ in enumerate(DataLoader(Slow(), 4, num_workers=2)):
        print("ready", flush=True)
except KeyboardInterrupt:
    left = [t.name for t in threading.enumerate() if "loader" in t.name]
    sys.exit(7 if not left else 8)
"""


def test_ctrl_c_stops_the_wait_and_the_workers():
    process = subprocess.Popen([sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 7
    process.stdout.close()


SLOW_CLASS = CTRL_C.partition("try:")[0]
LEAVE_OPEN = "it = iter(DataLoader(Slow(), 4, num_workers=2)); next(it)"
COUNT_LEFT = """
import atexit, threading

def count():
    print(sum("loader" in thread.name for thread in threading.enumerate()))

atexit.register(count)  # before tinytorch's own, so it runs after them
"""


def test_a_program_that_ends_with_an_iteration_open_ends_its_workers():
    code = COUNT_LEFT + SLOW_CLASS + LEAVE_OPEN
    end = subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, text=True)
    assert (end.returncode, end.stdout, end.stderr) == (0, "0\n", "")


def test_a_hanging_job_does_not_keep_a_program_from_ending():
    hang = "    def __getitem__(self, i): time.sleep(100 * (i > 3)); return np.zeros(1)\n"
    code = COUNT_LEFT + SLOW_CLASS.rstrip() + "\n" + hang + LEAVE_OPEN
    end = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert (end.returncode, end.stdout, end.stderr) == (0, "2\n", "")


def test_a_program_may_end_while_a_thread_makes_its_first_tensor():
    code = """
import threading
import numpy as np
from tinytorch import Tensor

x, ready = np.zeros(3), threading.Lock()

def work():
    ready.release()  # the program ends once it has the interpreter's lock
    Tensor(x)

ready.acquire()
threading.Thread(target=work, daemon=True).start()
ready.acquire()
"""
    for _ in range(20):  # a race: some one in ten goes through what could abort
        assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_in_a_forked_child():
    loader = DataLoader(Slow(8), 2, num_workers=2)
    list(loader)
    child = os.fork()
    if child == 0:
        os._exit(0 if labels_of(loader) == list(range(8)) else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---- resuming ----------------------------------------------------------------------------------

OPTIONS = [
    {"shuffle": False},
    {"shuffle": True},
    {"shuffle": True, "seed": 3},
    {"shuffle": True, "seed": 3, "num_workers": 2},
    {"shuffle": False, "seed": 3},
    {"shuffle": True, "num_workers": 2},
    {"shuffle": True, "generator": random.Random},
    {"shuffle": False, "generator": random.Random},
    {"shuffle": True, "generator": Generator, "num_workers": 1, "drop_last": True},
]


def made(options: dict, seed: int) -> DataLoader:
    options = dict(options)
    if "generator" in options:
        options["generator"] = options["generator"](seed)
    return DataLoader(Noisy(), 4, **options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("stop", [0, 1, 4, "end"])
def test_a_resumed_loader_gives_the_same_batches(options, stop):
    """Three epochs undisturbed; then the same stopped in the second one and taken up elsewhere."""
    random.seed(1)
    np.random.seed(1)
    loader = made(options, 11)
    epochs = [values_of(loader) for _ in range(3)]

    random.seed(1)
    np.random.seed(1)
    loader = made(options, 11)
    first = values_of(loader)
    iterator = iter(loader)
    second = []
    count = len(loader) if stop == "end" else stop
    for _ in range(count):
        batch = next(iterator)
        second.append(b"".join(field.data.tobytes() for field in batch))
    state = json.loads(json.dumps(loader.state_dict()))
    global_states = random.getstate(), np.random.get_state()
    del iterator

    random.seed(77)
    fresh = made(options, 12)
    fresh.load_state_dict(state)
    random.setstate(global_states[0])
    np.random.set_state(global_states[1])
    second += values_of(fresh)
    assert [first, second, values_of(fresh)] == epochs


def test_a_loaded_position_can_be_saved_again():
    loader = DataLoader(numbered(20), 3, shuffle=True, seed=2)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    other = DataLoader(numbered(20), 3, shuffle=True, seed=2)
    other.load_state_dict(state)
    assert other.state_dict() == state


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 21},
        {"batch_size": 4},
        {"batch": 8},
        {"batch": -1},
        {"epoch": -1},
        {"order": {"kind": "python", "version": 3, "words": [1, 2], "gauss": None}},
    ],
)
def test_a_position_of_another_loader_is_refused(change):
    loader = DataLoader(numbered(20), 3, shuffle=True)
    state = {**loader.state_dict(), **change}
    with pytest.raises(ValueError, match=r"saved position|no batch|state"):
        loader.load_state_dict(state)
