"""Safetensors files: round trips, agreement with the reference package both ways, refusals."""

import errno
import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch.io import TensorDict, load_safetensors, save_safetensors

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"]
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    )
)
tensor_dicts = st.dictionaries(names.filter(lambda n: n != "__metadata__"), arrays, max_size=6)
metadata_dicts = st.dictionaries(names, names, max_size=3)
with_tmp_path = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        assert got[name].tobytes() == array.tobytes()


@with_tmp_path
@given(tensors=tensor_dicts, metadata=metadata_dicts, copy=st.booleans())
def test_round_trip(tmp_path, tensors, metadata, copy):
    save_safetensors(tmp_path / "f", tensors, metadata)
    loaded = load_safetensors(tmp_path / "f", copy=copy)
    assert_same(loaded, tensors)
    assert loaded.metadata == metadata
    assert loaded.dtypes == {name: str(array.dtype) for name, array in tensors.items()}


@with_tmp_path
@given(tensors=tensor_dicts, metadata=metadata_dicts)
def test_the_reference_package_reads_our_files(tmp_path, tensors, metadata):
    from safetensors import safe_open

    save_safetensors(tmp_path / "f", tensors, metadata)
    with safe_open(tmp_path / "f", "np") as file:
        assert_same({name: file.get_tensor(name) for name in file.keys()}, tensors)  # noqa: SIM118
        assert (file.metadata() or {}) == metadata


@with_tmp_path
@given(tensors=tensor_dicts, metadata=metadata_dicts)
def test_we_read_the_reference_packages_files(tmp_path, tensors, metadata):
    from safetensors.numpy import save_file

    save_file(tensors, tmp_path / "f", metadata or None)
    loaded = load_safetensors(tmp_path / "f")
    assert_same(loaded, tensors)
    assert loaded.metadata == metadata


def test_files_are_byte_for_byte_those_of_the_reference_package(tmp_path):
    from safetensors.numpy import save

    rng = np.random.default_rng(0)
    tensors = {
        "z": rng.standard_normal((3, 2)),
        "b": rng.standard_normal(5).astype(np.float16),
        "a": rng.integers(0, 9, 7, dtype=np.int8),
        "weight": rng.standard_normal((2, 3)).astype(np.float32),
    }
    save_safetensors(tmp_path / "f", tensors, {"k": "v"})
    assert (tmp_path / "f").read_bytes() == save(tensors, {"k": "v"})


def test_bfloat16_travels_as_bits(tmp_path):
    bits = np.array([[0x3F80, 0xC000], [0x7F80, 0x0001]], np.uint16)
    save_safetensors(tmp_path / "f", {"w": bits}, dtypes={"w": "bfloat16"})
    loaded = load_safetensors(tmp_path / "f")
    assert loaded.dtypes == {"w": "bfloat16"}
    assert_same(loaded, {"w": bits})
    assert (bits.astype(np.uint32) << 16).view(np.float32)[0].tolist() == [1.0, -2.0]
    save_safetensors(tmp_path / "again", loaded)  # a TensorDict brings its dtypes along
    assert (tmp_path / "again").read_bytes() == (tmp_path / "f").read_bytes()


def test_bfloat16_agrees_with_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    source = torch.randn(3, 4).to(torch.bfloat16)
    save_file({"w": source}, tmp_path / "theirs")
    ours = load_safetensors(tmp_path / "theirs")
    assert ours.dtypes["w"] == "bfloat16"
    as_float = (ours["w"].astype(np.uint32) << 16).view(np.float32)
    assert np.array_equal(as_float, source.float().numpy())
    save_safetensors(tmp_path / "ours", ours)
    assert torch.equal(load_file(tmp_path / "ours")["w"], source)


def test_mapped_arrays_are_read_only_and_outlive_the_file(tmp_path):
    path = tmp_path / "f"
    save_safetensors(path, {"w": np.arange(1000.0)})
    mapped = load_safetensors(path)["w"]
    assert not mapped.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        mapped.flags.writeable = True
    save_safetensors(path, {"w": np.zeros(1000)})
    path.unlink()
    gc.collect()
    assert mapped.sum() == 499500.0


def test_copied_arrays_are_ordinary(tmp_path):
    save_safetensors(tmp_path / "f", {"w": np.arange(4.0)})
    copied = load_safetensors(tmp_path / "f", copy=True)["w"]
    copied[0] = 7
    assert copied.flags.owndata
    assert copied.flags.aligned


def test_strided_and_byte_swapped_arrays_are_written_by_value(tmp_path):
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = {
        "transposed": base.transpose(2, 0, 1),
        "stepped": base[:, ::-2, 1::2],
        "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
        "swapped": np.arange(5, dtype=">i4"),
        "zero_d": np.array(2.5),
    }
    save_safetensors(tmp_path / "f", tensors)
    loaded = load_safetensors(tmp_path / "f")
    for name, array in tensors.items():
        assert loaded[name].shape == array.shape
        assert np.array_equal(loaded[name], array)


def test_objects_with_numpy_are_accepted(tmp_path):
    class Box:
        def numpy(self):
            return np.ones(3, np.float32)

    save_safetensors(tmp_path / "f", {"w": Box()})
    assert load_safetensors(tmp_path / "f")["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("tensors", "error", "text"),
    [
        ({"w": np.zeros(2, np.uint16)}, TypeError, "uint16"),
        ({"w": np.zeros(2, np.complex64)}, TypeError, "complex64"),
        ({"w": np.array(["a"])}, TypeError, "cannot be stored"),
        ({"w": np.array([object()])}, TypeError, "object"),
        ({"w": [1.0, 2.0]}, TypeError, "list"),
        ({"w": 1.0}, TypeError, "float"),
        ({1: np.zeros(2)}, TypeError, "str"),
        ({"a\0b": np.zeros(2)}, ValueError, "null"),
        ({"\ud800": np.zeros(2)}, ValueError, "surrogate"),
        ({"__metadata__": np.zeros(2)}, ValueError, "__metadata__"),
        ({"w": np.zeros((1,) * 13)}, ValueError, "dimensions"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_the_old_file_kept(tmp_path, tensors, error, text):
    path = tmp_path / "f"
    save_safetensors(path, {"old": np.ones(1)})
    with pytest.raises(error, match=text):
        save_safetensors(path, tensors)
    assert list(load_safetensors(path)) == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_metadata_is_text(tmp_path):
    with pytest.raises(TypeError, match="metadata are str"):
        save_safetensors(tmp_path / "f", {}, {"epoch": 3})
    with pytest.raises(ValueError, match="surrogate"):
        save_safetensors(tmp_path / "f", {}, {"k": "\udfff"})
    assert not (tmp_path / "f").exists()


def test_operating_system_errors_keep_their_type(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        load_safetensors(tmp_path / "missing")
    assert str(missing.value.filename) == str(tmp_path / "missing")
    assert missing.value.errno == errno.ENOENT
    assert str(missing.value).count(str(tmp_path)) == 1
    with pytest.raises(IsADirectoryError):
        load_safetensors(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cannot write.*create the folder first") as no:
        save_safetensors(tmp_path / "no" / "folder", {})
    assert (no.value.errno, no.value.filename) == (errno.ENOENT, str(tmp_path / "no" / "folder"))
    with pytest.raises(IsADirectoryError):
        save_safetensors(tmp_path, {})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        load_safetensors(tmp_path / "pipe")
    with pytest.raises(ValueError, match="null byte"):
        load_safetensors("a\0b")


def test_paths_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    save_safetensors(path, {"w": np.ones(2)})
    assert load_safetensors(path)["w"].sum() == 2


def test_tensor_dict_is_a_plain_dict():
    tensors = TensorDict({"w": np.ones(1)}, {"k": "v"}, {"w": "float64"})
    assert isinstance(tensors, dict)
    assert tensors.metadata == {"k": "v"}
    assert TensorDict().dtypes == {}


def test_threads_may_load_and_replace_one_file(tmp_path):
    path = tmp_path / "f"
    save_safetensors(path, {"w": np.zeros(5000)})
    failures = []

    def replace(value: float) -> None:
        for _ in range(50):
            save_safetensors(path, {"w": np.full(5000, value)})

    def read() -> None:
        for _ in range(100):
            array = load_safetensors(path)["w"]
            if np.ptp(array) != 0:
                failures.append(array)

    threads = [threading.Thread(target=replace, args=(float(i),)) for i in range(2)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
