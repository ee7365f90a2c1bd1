"""The shipped digits, and the readers of MNIST, CIFAR-10 and text on small files made here."""

import gzip
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinytorch import DataLoader, Tensor
from tinytorch.datasets import (
    CIFAR10,
    MNIST,
    CIFAR10Sample,
    ImageDataset,
    ShakespeareExcerpt,
    TextFile,
    TinyDigits,
    TinyShakespeare,
    TinyShapes,
    TokenWindows,
    digits,
    read_idx,
)
from tinytorch.datasets.cifar import differences, integrated
from tinytorch.workflow.data import load

REAL_DATA = os.environ.get("TINYTORCH_DATA")


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("TINYTORCH_DATA", raising=False)


# ---- the shipped digits ------------------------------------------------------------------------


def test_digits_have_the_stated_sizes():
    (train, train_labels), (test, test_labels) = (
        TinyDigits().get_train_data(),
        TinyDigits().get_test_data(),
    )
    assert train.shape == (1433, 8, 8)
    assert test.shape == (364, 8, 8)
    assert train.dtype == test.dtype == np.float32
    assert train.min() == 0.0
    assert train.max() == 1.0
    assert train_labels.dtype == np.int64
    assert np.array_equal(
        np.bincount(np.r_[train_labels, test_labels]),
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
    )


def test_digits_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    source = sklearn.load_digits()
    ours = np.concatenate([TinyDigits().raw(part)[0] for part in ("train", "test")])
    assert sorted(map(bytes, ours)) == sorted(map(bytes, source.images.astype(np.uint8)))


def test_a_nearest_neighbour_knows_the_test_digits():
    """Images and labels belong together: 1-NN gets the 98 % that is known for this set."""
    x, y = TinyDigits().get_train_data()
    queries, expected = TinyDigits().get_test_data()
    x, queries = x.reshape(len(x), -1), queries.reshape(len(queries), -1)
    distance = (x**2).sum(1) - 2 * queries @ x.T
    assert (y[distance.argmin(1)] == expected).mean() > 0.97


def test_digits_file_states_its_origin():
    from tinytorch.io import load_safetensors

    metadata = load_safetensors(digits.FILE).metadata
    assert metadata["licence"] == "CC BY 4.0"
    assert "archive.ics.uci.edu" in metadata["source"]
    assert digits.FILE.stat().st_size < 120_000


def test_digits_datasets():
    flat = TinyDigits().dataset("train", flatten=True)
    assert flat[0][0].shape == (64,)
    images = TinyDigits().dataset("test", normalize=True)
    assert images[3][0].shape == (1, 8, 8)
    normalized = np.concatenate(
        [b[0].data for b in DataLoader(TinyDigits().dataset("train", normalize=True), 100)]
    )
    assert abs(normalized.mean()) < 1e-3
    assert abs(normalized.std() - 1) < 1e-3
    with pytest.raises(ValueError, match="split"):
        TinyDigits().raw("validation")


# ---- drawn images, and the shipped text -------------------------------------------------------


@pytest.fixture(scope="module")
def shapes():
    return TinyShapes()


def test_shapes_have_the_form_of_cifar(shapes):
    for split, count in (("train", 500), ("test", 100)):
        images, labels = shapes.raw(split)
        assert images.shape == (10 * count, 3, 32, 32)
        assert images.dtype == labels.dtype == np.uint8
        assert np.bincount(labels).tolist() == [count] * 10
        assert len({image.tobytes() for image in images}) == len(images)
    assert len(shapes.classes) == len(CIFAR10.classes)


def test_shapes_are_the_same_each_time_and_leave_the_global_generator_alone(shapes):
    state = np.random.get_state()[1].copy()
    assert np.array_equal(TinyShapes().raw("test")[0], shapes.raw("test")[0])
    assert np.array_equal(np.random.get_state()[1], state)


def test_colours_do_not_tell_the_figure(shapes):
    """The nearest mean colour stays close to the 10 % of guessing."""
    x, y = shapes.get_train_data()
    queries, expected = shapes.get_test_data()
    colours = np.array([x[y == c].mean(axis=(0, 2, 3)) for c in range(10)])
    distance = ((queries.mean(axis=(2, 3))[:, None] - colours) ** 2).sum(2)
    assert (distance.argmin(1) == expected).mean() < 0.2


def test_the_excerpt_is_shakespeare():
    text = ShakespeareExcerpt()
    assert text.text.startswith("First Citizen:\nBefore we proceed")
    assert 149_000 < len(text.text) <= 150_000
    assert len(text.get_test_data()) == len(text.text) - len(text.get_train_data())
    assert text.path.stat().st_size < 160_000


# ---- images as a dataset -----------------------------------------------------------------------


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("mean", [None, [0.2, 0.5, 0.7]])
def test_batches_are_the_stacked_items(flatten, mean):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 3, 4, 5), dtype=np.uint8)
    labels = rng.integers(0, 9, 7)
    dataset = ImageDataset(
        images, labels, scale=1 / 255, mean=mean, std=mean and [0.1, 0.2, 0.3], flatten=flatten
    )
    batch, batch_labels = dataset.__getbatch__(np.array([5, 0, 2]))
    for row, label, i in zip(batch, batch_labels, [5, 0, 2], strict=True):
        image, expected = dataset[i]
        assert image.tobytes() == row.tobytes()
        assert label == expected
    if mean:
        reference = (images / 255.0 - np.reshape(mean, (3, 1, 1))) / np.reshape(
            [0.1, 0.2, 0.3], (3, 1, 1)
        )
        assert np.allclose(batch.reshape(3, 3, 4, 5), reference[[5, 0, 2]], rtol=1e-5, atol=1e-5)


def test_a_transform_sees_each_image():
    images = np.zeros((4, 1, 2, 2), np.uint8)
    dataset = ImageDataset(images, np.arange(4), transform=lambda image: image + 1)
    (batch, labels) = next(iter(DataLoader(dataset, 4)))
    assert isinstance(batch, Tensor)
    assert (batch.data == 1).all()
    assert labels.data.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "arguments",
    [
        {"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(2)},
        {"images": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.zeros(3)},
        {"images": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.zeros(2), "std": [0.0]},
        {"images": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.zeros(2), "mean": [0.0, 1.0]},
    ],
)
def test_image_datasets_check_their_arguments(arguments):
    with pytest.raises(ValueError, match=r"images|mean"):
        ImageDataset(**arguments)


# ---- IDX and MNIST -----------------------------------------------------------------------------


def idx(array: np.ndarray, code: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_round_trip(tmp_path, code, dtype, zipped):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    data = idx(array, code)
    (tmp_path / "f").write_bytes(gzip.compress(data) if zipped else data)
    got = read_idx(tmp_path / "f")
    assert got.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(got, array)


GOOD = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:3],
        GOOD[:9],
        GOOD[:-1],
        GOOD + b"\0",
        b"\1" + GOOD[1:],
        GOOD[:2] + b"\x0a" + GOOD[3:],
        GOOD[:3] + b"\0" + GOOD[4:],
        GOOD[:3] + b"\xff" + GOOD[4:],
        struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
        gzip.compress(GOOD)[:-9],
        gzip.compress(GOOD)[:12] + b"\xff\xff\xff" + gzip.compress(GOOD)[15:],
        gzip.compress(GOOD + b"\0"),
        b"\x1f\x8b",
    ],
)
def test_damaged_idx_files_are_refused_by_name(tmp_path, data):
    (tmp_path / "file-name").write_bytes(data)
    with pytest.raises(ValueError, match="file-name"):
        read_idx(tmp_path / "file-name")


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    header = struct.pack(">HBB1I", 0, 8, 1, 10)
    (tmp_path / "f").write_bytes(gzip.compress(header + bytes(20 << 20), 1))
    with pytest.raises(ValueError, match="after its"):
        read_idx(tmp_path / "f")
    (tmp_path / "f").write_bytes(gzip.compress(struct.pack(">HBB1I", 0, 8, 1, 2**31), 1))
    with pytest.raises(ValueError, match="limit"):
        read_idx(tmp_path / "f")


def write_mnist(folder: Path, *, zipped: bool = True, count: int = 5) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(1).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = gzip.compress(idx(array)) if zipped else idx(array)
            (folder / f"{part}-{name}-ubyte{'.gz' if zipped else ''}").write_bytes(data)
    return images


@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_is_found_and_read(tmp_path, monkeypatch, below, zipped):
    images = write_mnist(tmp_path / below, zipped=zipped)
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    mnist = MNIST()
    got, labels = mnist.get_train_data()
    assert np.array_equal(got, images / np.float32(255))
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert mnist.dataset("test")[0][0].shape == (1, 28, 28)


def test_mnist_refuses_files_that_disagree(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(ValueError, match="5 images but 4 labels"):
        MNIST(tmp_path).raw("train")
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.full(5, 10, np.uint8)))
    with pytest.raises(ValueError, match="label 10"):
        MNIST(tmp_path).raw("train")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(idx(np.zeros((5, 8, 8), np.uint8)))
    with pytest.raises(ValueError, match="28"):
        MNIST(tmp_path).raw("train")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels"):
        MNIST(tmp_path).raw("test")


@pytest.mark.parametrize(
    ("make", "source"),
    [(MNIST, "mnist"), (CIFAR10, "cifar"), (TinyShakespeare, "tinyshakespeare")],
)
def test_missing_sets_say_what_to_do(tmp_path, monkeypatch, make, source):
    with pytest.raises(FileNotFoundError, match=rf"TINYTORCH_DATA is not set.*https.*{source}"):
        make()
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"not in {tmp_path}.*Set TINYTORCH_DATA"):
        make()


# ---- CIFAR-10 ----------------------------------------------------------------------------------


def cifar_arrays(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.integers(
        0, 10, count, dtype=np.uint8
    )


BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def write_cifar(folder: Path, *, binary: bool, protocol: int = 2, keys: type = bytes) -> None:
    folder.mkdir(parents=True)
    for seed, name in enumerate(BATCHES):
        pixels, labels = cifar_arrays(4, seed)
        if binary:
            (folder / f"{name}.bin").write_bytes(np.c_[labels, pixels].tobytes())
            continue
        fields = {"batch_label": b"x", "labels": labels.tolist(), "data": pixels}
        content = {key.encode() if keys is bytes else key: v for key, v in fields.items()}
        (folder / name).write_bytes(pickle.dumps(content, protocol))


def check_cifar(cifar: CIFAR10) -> None:
    images, labels = cifar.raw("train")
    assert images.shape == (20, 3, 32, 32)
    for seed in range(5):
        pixels, expected = cifar_arrays(4, seed)
        assert np.array_equal(images[4 * seed : 4 * seed + 4].reshape(4, -1), pixels)
        assert np.array_equal(labels[4 * seed : 4 * seed + 4], expected)
    assert np.array_equal(cifar.raw("test")[0].reshape(4, -1), cifar_arrays(4, 5)[0])


@pytest.mark.parametrize("below", ["", "cifar10"])
def test_cifar_binary_layout(tmp_path, below):
    write_cifar(tmp_path / below / "cifar-10-batches-bin", binary=True)
    check_cifar(CIFAR10(tmp_path))
    check_cifar(CIFAR10(tmp_path / below / "cifar-10-batches-bin"))


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("keys", [bytes, str])
def test_cifar_python_layout(tmp_path, protocol, keys):
    write_cifar(tmp_path / "cifar-10-batches-py", binary=False, protocol=protocol, keys=keys)
    check_cifar(CIFAR10(tmp_path))


def python_2_batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2 and an old NumPy wrote it: byte strings, names under numpy.core."""
    raw = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + b"J" + struct.pack("<i", len(pixels)) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def test_cifar_batches_of_python_2(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for seed, name in enumerate(BATCHES):
        pixels, labels = cifar_arrays(4, seed)
        (folder / name).write_bytes(python_2_batch(pixels, labels.tolist()))
    check_cifar(CIFAR10(tmp_path))


class Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/tinytorch-was-attacked",)


def batch(**fields: object) -> bytes:
    pixels, labels = cifar_arrays(2, 0)
    return pickle.dumps({"data": pixels, "labels": labels.tolist(), **fields}, 2)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Attack(), 2),
        batch(extra=Attack()),
        batch(extra=print),
        batch(extra=np.dtype([("a", "i4")])),
        batch(data=np.array([object()], object)),
        batch(data=np.zeros((2, 3072), np.float32)),
        batch(data=np.zeros((2, 3071), np.uint8)),
        batch(data=[1, 2]),
        batch(labels=[1]),
        batch(labels=[1, 10]),
        batch(labels=[1, True]),
        batch(labels=[1, 2.0]),
        batch(labels="12"),
        pickle.dumps([1, 2, 3], 2),
        b"",
        b"garbage",
        batch()[:-100],
    ],
)
def test_hostile_cifar_batches_are_refused_by_name(tmp_path, content):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in BATCHES:
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match="data_batch_1"):
        CIFAR10(tmp_path).raw("train")
    assert not Path("/tmp/tinytorch-was-attacked").exists()


@pytest.mark.parametrize("content", [b"", bytes(3072), bytes(3074), b"\x0a" + bytes(3072)])
def test_damaged_binary_batches_are_refused_by_name(tmp_path, content):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in BATCHES:
        (folder / f"{name}.bin").write_bytes(content)
    with pytest.raises(ValueError, match="data_batch_1"):
        CIFAR10(tmp_path).raw("train")


# ---- text --------------------------------------------------------------------------------------


def test_text_is_split_by_position(tmp_path):
    text = "".join(chr(97 + i % 26) for i in range(101)) + "\r\né€"
    folder = tmp_path / "tinyshakespeare"
    folder.mkdir()
    (folder / "input.txt").write_bytes(text.encode())
    corpus = TinyShakespeare(tmp_path)
    assert corpus.text == text
    assert corpus.get_train_data() == text[: int(0.9 * len(text))]
    assert corpus.get_train_data() + corpus.get_test_data() == text
    assert corpus.vocabulary == sorted(set(text))


def test_text_must_be_utf8(tmp_path):
    (tmp_path / "f.txt").write_bytes(b"abc\xff")
    with pytest.raises(ValueError, match=r"f\.txt is not UTF-8"):
        TextFile(tmp_path / "f.txt")
    with pytest.raises(ValueError, match="train_share"):
        TextFile(tmp_path / "f.txt", train_share=1.5)


@pytest.mark.parametrize(("count", "length", "step"), [(11, 5, None), (11, 5, 1), (12, 11, 3)])
def test_token_windows(count, length, step):
    ids = np.arange(count) * 3
    windows = TokenWindows(ids, length, step=step)
    starts = [s for s in range(0, count, step or length) if s + length + 1 <= count]
    assert len(windows) == len(starts)
    for i, start in enumerate(starts):
        inputs, targets = windows[i]
        assert inputs.tolist() == ids[start : start + length].tolist()
        assert targets.tolist() == ids[start + 1 : start + length + 1].tolist()
    with pytest.raises(IndexError):
        windows[len(windows)]


@pytest.mark.parametrize(
    ("ids", "length", "step"),
    [([1, 2, 3], 3, None), ([1, 2, 3], 0, None), ([1, 2, 3], 1, 0), ([1.0, 2.0], 1, None)],
)
def test_token_windows_check_their_arguments(ids, length, step):
    with pytest.raises(ValueError, match=r"tokens|length|ids"):
        TokenWindows(ids, length, step=step)


# ---- the real sets, where they are -------------------------------------------------------------


def full(make):
    if REAL_DATA is None:
        pytest.skip("TINYTORCH_DATA names no folder of full sets")
    try:
        return make(REAL_DATA)
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_full_mnist():
    mnist = full(MNIST)
    for split, counts in (
        ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ):
        assert np.bincount(mnist.raw(split)[1]).tolist() == counts
    mean, std = mnist.channel_statistics()
    assert mean == pytest.approx([0.1307], abs=1e-4)
    assert std == pytest.approx([0.3081], abs=1e-4)


def test_full_cifar():
    cifar = full(CIFAR10)
    assert np.bincount(cifar.raw("train")[1]).tolist() == [5000] * 10
    assert np.bincount(cifar.raw("test")[1]).tolist() == [1000] * 10
    assert cifar.channel_statistics()[0] == pytest.approx([0.491, 0.482, 0.447], abs=3e-3)


def test_full_shakespeare():
    corpus = full(TinyShakespeare)
    assert len(corpus.text) == 1115394
    assert len(corpus.get_train_data()) == 1003854
    assert len(corpus.vocabulary) == 65
    assert corpus.text.startswith(ShakespeareExcerpt().text)


# ---- import ------------------------------------------------------------------------------------


def test_importing_the_package_reads_no_data():
    code = "import sys, tinytorch; print('tinytorch.datasets' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_sample_is_200_photographs_stored_as_differences() -> None:
    sample = CIFAR10Sample()
    images, labels = sample.raw("test")
    assert images.shape == (200, 3, 32, 32)
    assert np.array_equal(np.bincount(labels), [20] * 10)
    # Neighbouring pixels of photographs are alike.
    steps = np.abs(np.diff(images.astype(int), axis=3))
    assert np.median(steps) < 10
    assert np.array_equal(integrated(differences(images)), images)
    noise = np.random.default_rng(0).integers(0, 256, (3, 3, 5, 4), dtype=np.uint8)
    assert np.array_equal(integrated(differences(noise)), noise)
    with pytest.raises(ValueError, match="test images only"):
        sample.raw("train")
    assert load("cifar10-sample").train_count == 0
