"""GGUF files: agreement with the `gguf` package, which writes them and undoes its quantization."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.io import GgufFile, load_gguf

gguf = pytest.importorskip("gguf", reason="the extra `test` brings gguf")
quants = pytest.importorskip("gguf.quants")

with_tmp_path = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
QUANTIZED = ["Q8_0", "Q4_0", "Q6_K", "BF16", "F16", "F32"]


def write(path: Path, metadata: dict[str, Any], tensors: dict[str, tuple[np.ndarray, str]]) -> None:
    """tensors: name -> (stored numbers or bytes, format)."""
    writer = gguf.GGUFWriter(path, "gpt2")
    for key, (value, kind) in metadata.items():
        writer.add_key_value(key, value, kind)
    for name, (stored, kind) in tensors.items():
        writer.add_tensor(name, stored, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
T = gguf.GGUFValueType
INTEGERS = {T[f"{sign}INT{bits}"]: (sign, bits) for sign in ("U", "") for bits in (8, 16, 32, 64)}


scalars = st.one_of(
    *(
        st.integers(*((0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))).map(
            lambda value, kind=kind: (value, kind)
        )
        for kind, (sign, bits) in INTEGERS.items()
    ),
    st.floats(width=32, allow_nan=False).map(lambda value: (value, T.FLOAT32)),
    st.floats(allow_nan=False).map(lambda value: (value, T.FLOAT64)),
    st.booleans().map(lambda value: (value, T.BOOL)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda t: (t, T.STRING)),
)


@with_tmp_path
@given(st.dictionaries(names.filter(lambda n: n and "general" not in n), scalars, max_size=8))
def test_metadata_of_every_type_is_read(tmp_path, metadata):
    write(tmp_path / "f", metadata, {})
    got = load_gguf(tmp_path / "f").metadata
    assert got.pop("general.architecture") == "gpt2"
    assert list(got) == list(metadata)
    for key, (value, _) in metadata.items():
        assert got[key] == value
        assert type(got[key]) is type(value)


def test_arrays_are_ndarrays_or_lists(tmp_path):
    numbers = {
        "u8": np.uint8, "i8": np.int8, "u16": np.uint16, "i16": np.int16, "u32": np.uint32,
        "i32": np.int32, "u64": np.uint64, "i64": np.int64, "f32": np.float32, "f64": np.float64,
    }  # fmt: skip
    kinds = dict(zip(numbers, [T.UINT8, T.INT8, T.UINT16, T.INT16, T.UINT32, T.INT32, T.UINT64,
                               T.INT64, T.FLOAT32, T.FLOAT64], strict=True))  # fmt: skip
    writer = gguf.GGUFWriter(tmp_path / "f", "gpt2")
    for name in numbers:
        writer.add_key_value(name, [1, 2, 100], T.ARRAY, kinds[name])
    writer.add_array("flags", [True, False])
    writer.add_array("texts", ["a", "", "é€😀"])
    writer.add_array("nested", [[1, 2], [3, 4]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    metadata = load_gguf(tmp_path / "f").metadata
    for name, dtype in numbers.items():
        assert metadata[name].dtype == dtype
        assert metadata[name].tolist() == [1, 2, 100]
    assert metadata["flags"].dtype == bool
    assert metadata["flags"].tolist() == [True, False]
    assert metadata["texts"] == ["a", "", "é€😀"]
    assert [inner.tolist() for inner in metadata["nested"]] == [[1, 2], [3, 4]]


def stored(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random numbers of this shape as the format stores them: any scale, infinities and NaN too."""
    rng = np.random.default_rng(seed)
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    raw = rng.integers(0, 256, (*shape[:-1], shape[-1] // block * size), np.uint8)
    return raw.view({"F32": np.float32, "F16": np.float16}.get(kind, np.uint8))


@with_tmp_path
@given(
    st.lists(
        st.tuples(st.sampled_from(QUANTIZED), st.lists(st.integers(1, 4), min_size=1, max_size=4)),
        max_size=5,
    ),
    st.integers(0, 2**32 - 1),
)
def test_tensors_are_those_of_the_package(tmp_path, wanted, seed):
    """Every bit pattern of every format."""
    tensors, expected = {}, {}
    for i, (kind, sizes) in enumerate(wanted):
        block, _ = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
        shape = (*sizes[:-1], sizes[-1] * block)
        data = stored(kind, shape, seed + i)
        tensors[f"t{i}"] = (data, kind)
        with np.errstate(invalid="ignore", over="ignore"):
            expected[f"t{i}"] = quants.dequantize(
                data.view(np.uint8), gguf.GGMLQuantizationType[kind]
            ).reshape(shape)
    write(tmp_path / "f", {}, tensors)
    file = load_gguf(tmp_path / "f")
    assert list(file) == list(tensors)
    assert file.formats == {name: kind for name, (_, kind) in tensors.items()}
    assert file.shapes == {name: array.shape for name, array in expected.items()}
    for name, array in expected.items():
        assert file[name].dtype == np.float32
        np.testing.assert_array_equal(file[name], array)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_a_large_quantized_tensor_is_read_in_pieces(tmp_path, kind):
    values = np.random.default_rng(0).standard_normal((2500, 4096)).astype(np.float32)
    bits = quants.quantize(values, gguf.GGMLQuantizationType[kind])
    write(tmp_path / "f", {}, {"w": (bits, kind)})
    np.testing.assert_array_equal(
        load_gguf(tmp_path / "f")["w"], quants.dequantize(bits, gguf.GGMLQuantizationType[kind])
    )


def test_version_2_and_another_alignment(tmp_path):
    path = tmp_path / "f"
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_custom_alignment(256)
    writer.add_tensor("a", np.arange(5, dtype=np.float32))
    writer.add_tensor("b", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = bytearray(path.read_bytes())
    assert load_gguf(path).version == 3
    data[4:8] = struct.pack("<I", 2)
    path.write_bytes(data)
    file = load_gguf(path)
    assert file.version == 2
    assert file.metadata["general.alignment"] == 256
    assert file["a"].tolist() == [0, 1, 2, 3, 4]
    assert file["b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(file) == 2
    assert "a" in file
    assert "c" not in file
    with pytest.raises(KeyError):
        file["c"]
    assert repr(file) == f"GgufFile({str(path)!r}, 2 tensors, 2 keys)"


def test_arrays_are_ordinary_and_outlive_the_file(tmp_path):
    path = tmp_path / "f"
    write(path, {}, {"w": (np.ones(40, np.float32), "F32")})
    file = load_gguf(path)
    path.unlink()
    array = file["w"]
    del file
    array[0] = 7
    assert array.sum() == 46


def test_a_file_shortened_after_opening_is_an_error_when_it_is_read(tmp_path):
    path = tmp_path / "f"
    write(path, {}, {"w": (np.ones(40_000, np.float32), "F32")})
    file = load_gguf(path)
    os.truncate(path, 1000)
    with pytest.raises(OSError, match="shorter"):
        file["w"]


def test_operating_system_errors_keep_their_type(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        load_gguf(tmp_path / "missing")
    assert str(missing.value.filename) == str(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        GgufFile(tmp_path)
    with pytest.raises(ValueError, match="null byte"):
        load_gguf("a\0b")
