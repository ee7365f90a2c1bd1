"""Hostile GGUF files are refused, cheaply; whatever mutation makes loads or is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.io import load_gguf

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)


def text(value: str | bytes, length: int | None = None) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data) if length is None else length) + data


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def array(kind: int, count: int, items: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + items


def tensor(
    name: str | bytes = "a",
    sizes: Sequence[int] = (4,),  # the fastest one first
    kind: int = 0,
    offset: int = 0,
    dims: int | None = None,
) -> bytes:
    count = len(sizes) if dims is None else dims
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", count, *sizes, kind, offset)


def gguf(
    keys: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    n_tensors, n_keys = counts or (len(tensors), len(keys))
    head = magic + struct.pack("<IQQ", version, n_tensors, n_keys)
    head += b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data if data else head


VALUES = np.arange(4, dtype=np.float32).tobytes()
ONE = [tensor()]
DEEP = array(ARRAY, 1) * 60 + array(U8, 0)
HALF = 1 << 63

# name -> (bytes, what the message must say)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "magic number needs 4 bytes"),
    "other_magic": (gguf(magic=b"GGML"), "does not begin with 'GGUF'"),
    "version_1": (gguf(version=1), "version 1 is not supported; 2 and 3"),
    "version_4": (gguf(version=4), "version 4"),
    "big_endian": (gguf(version=3 << 24), "big-endian"),
    "billions_of_tensors": (gguf(counts=(4_000_000_000, 0)), "4000000000 tensors"),
    "billions_of_keys": (gguf(counts=(0, 2**64 - 1)), "at most 65536"),
    "fewer_tensors_than_said": (gguf(counts=(2, 0), tensors=ONE), "name of a tensor needs"),
    "fewer_keys_than_said": (gguf(counts=(0, 3)), "a key needs 8 bytes, but 0"),
    "key_longer_than_file": (gguf([text("abc", 4)]), "a key needs 4 bytes, but 3"),
    "key_of_2_63": (gguf([text("k", HALF)]), f"a key needs {HALF} bytes"),
    "key_of_2_64_minus_1": (gguf([text("k", 2**64 - 1)]), "a key needs"),
    "key_not_utf8": (gguf([key(b"\xff\xfe", U8, b"\0")]), "not valid UTF-8"),
    "key_with_null": (gguf([key("a\0b", U8, b"\0")]), "null character"),
    "key_twice": (gguf([key("k", U8, b"\0"), key("k", I8, b"\0")]), "'k' appears twice"),
    "unknown_type": (gguf([key("k", 13, b"\0" * 8)]), "'k': unknown type 13"),
    "text_longer_than_file": (gguf([key("k", STRING, text("v", 99))]), "a text needs 99 bytes"),
    "text_not_utf8": (gguf([key("k", STRING, text(b"\xed\xa0\x80"))]), "not valid UTF-8"),
    "bool_of_2": (gguf([key("k", BOOL, b"\2")]), "a bool is 0 or 1, got 2"),
    "bools_of_3": (gguf([key("k", ARRAY, array(BOOL, 2, b"\1\3"))]), "a bool is 0 or 1, got 3"),
    "array_of_billions": (gguf([key("k", ARRAY, array(U8, 8_000_000_000))]), "8000000000 bytes"),
    "array_bytes_overflow": (gguf([key("k", ARRAY, array(U64, 1 << 61))]), "elements"),
    "texts_of_billions": (gguf([key("k", ARRAY, array(STRING, 1 << 40))]), "texts"),
    "texts_missing": (gguf([key("k", ARRAY, array(STRING, 2_000_000))]), "a text needs 8 bytes"),
    "arrays_of_billions": (gguf([key("k", ARRAY, array(ARRAY, 1 << 40))]), "arrays; the file"),
    "array_of_unknown": (gguf([key("k", ARRAY, array(77, 0))]), "unknown type 77"),
    "deep_arrays": (gguf([key("k", ARRAY, DEEP)]), "nested more than 4 deep"),
    "arrays_all_over": (
        gguf([key(str(i), ARRAY, array(ARRAY, 9_000, array(U8, 0) * 9_000)) for i in range(8)]),
        "may have 65536 in all",
    ),
    "alignment_0": (gguf([key("general.alignment", U32, b"\0" * 4)]), "power of two"),
    "alignment_48": (gguf([key("general.alignment", U32, b"\x30\0\0\0")]), "power of two"),
    "alignment_u64": (gguf([key("general.alignment", U64, b"\x20" + b"\0" * 7)]), "type u32"),
    "alignment_text": (gguf([key("general.alignment", STRING, text("32"))]), "type u32"),
    "five_dimensions": (gguf(tensors=[tensor(sizes=[1] * 5)], data=VALUES), "5 dimensions"),
    "billions_of_dimensions": (gguf(tensors=[tensor(dims=2**32 - 1)]), "4294967295 dimensions"),
    "size_2_63": (gguf(tensors=[tensor(sizes=[HALF])], data=VALUES), "too large"),
    "size_product_wraps": (gguf(tensors=[tensor(sizes=[2**32, 2**32])]), "too many elements"),
    "size_wraps_to_4": (gguf(tensors=[tensor(sizes=[2**62, 4, 1])]), "too many elements"),
    "strides_overflow": (gguf(tensors=[tensor(sizes=[0, 2**40, 2**40])]), "too many elements"),
    "larger_than_data": (gguf(tensors=[tensor(sizes=[5])], data=VALUES), "20 bytes at offset 0"),
    "offset_2_64": (gguf(tensors=[tensor(offset=2**64 - 32)], data=VALUES), "reach past"),
    "offset_wraps": (gguf(tensors=[tensor(offset=2**64 - 16)], data=VALUES), "multiple of the al"),
    "offset_unaligned": (gguf(tensors=[tensor(offset=4)], data=VALUES * 3), "not a multiple"),
    "hole_at_start": (gguf(tensors=[tensor(offset=32)], data=VALUES * 3), "begins at offset 32"),
    "overlap": (gguf(tensors=[tensor("a"), tensor("b")], data=VALUES), "begins at offset 0"),
    "bytes_behind": (gguf(tensors=ONE, data=VALUES * 3), "48 bytes of data"),
    "data_without_tensors": (gguf(data=VALUES), "16 bytes of data"),
    "unknown_format": (gguf(tensors=[tensor(kind=99)], data=VALUES), "format 99 cannot be read"),
    "format_4": (gguf(tensors=[tensor(kind=4)], data=VALUES), "format 4 cannot be read"),
    "format_q4_k": (gguf(tensors=[tensor(kind=12)], data=VALUES), r"format 12 \(Q4_K\) cannot"),
    "half_a_block": (gguf(tensors=[tensor(sizes=[48], kind=8)], data=VALUES * 9), "blocks of 32"),
    "tensor_twice": (
        gguf(tensors=[tensor(), tensor(offset=32)], data=VALUES * 3), "'a': appears twice"
    ),
    "tensor_not_utf8": (gguf(tensors=[tensor(b"\xc0\x80")], data=VALUES), "not valid UTF-8"),
    "tensor_with_null": (gguf(tensors=[tensor("a\0")], data=VALUES), "null character"),
    "safetensors": (struct.pack("<Q", 2) + b"{}" + b" " * 30, "does not begin with 'GGUF'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(tmp_path, name):
    path = tmp_path / "f.gguf"
    data, reason = HOSTILE[name]
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"f\.gguf'.*({reason})"):
        load_gguf(path)


PEAK = """
import resource, sys
from tinytorch.io import load_gguf
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        load_gguf(path)
    except ValueError:
        continue
    sys.exit("accepted " + path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_hostile_file_takes_much_memory(tmp_path):
    for name, (data, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(data)
    paths = sorted(tmp_path.iterdir())
    run = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 16 << 10  # kilobytes


@pytest.mark.parametrize("kind", [U8, STRING], ids=["numbers", "texts"])
def test_a_sparse_giant_is_refused_without_reading_it(tmp_path, kind):
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.write(gguf([key("k", ARRAY, array(kind, 1 << 35))]))
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match=r"past the first 100000000 bytes|may have 2097152"):
        load_gguf(path)


def sound() -> bytes:
    """One of everything that a header can hold, and every format."""
    keys = [
        key("general.architecture", STRING, text("gpt2")),
        key("general.alignment", U32, struct.pack("<I", 32)),
        *(
            key(f"n{kind}", kind, b"\1" * size)
            for kind, size in enumerate([1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8])
            if size
        ),
        key("texts", ARRAY, array(STRING, 2, text("one") + text("€"))),
        key("numbers", ARRAY, array(I32, 3, bytes(12))),
        key("nested", ARRAY, array(ARRAY, 2, array(U8, 1, b"\7") + array(BOOL, 2, b"\0\1"))),
    ]
    tensors, data = [], b""
    for name, sizes, kind, size in (
        ("f32", [3, 2], 0, 24), ("f16", [5], 1, 10), ("bf16", [2], 30, 4), ("q8_0", [32, 2], 8, 68),
        ("q4_0", [64], 2, 36), ("q6_k", [256], 14, 210), ("empty", [0, 7], 0, 0), ("0d", [], 0, 4),
    ):  # fmt: skip
        tensors.append(tensor(name, sizes, kind, len(data)))
        data += bytes(range(size)) + bytes(-size % 32)
    return gguf(keys, tensors, data[:-28])  # no padding behind the last one


SOUND = sound()


def test_the_sound_file_is_read(tmp_path):
    (tmp_path / "f").write_bytes(SOUND)
    file = load_gguf(tmp_path / "f")
    assert len(file.metadata) == 16
    assert {name: array.shape for name, array in file.items()} == {
        "f32": (2, 3), "f16": (5,), "bf16": (2,), "q8_0": (2, 32), "q4_0": (64,), "q6_k": (256,),
        "empty": (7, 0), "0d": (),
    }  # fmt: skip
    (tmp_path / "f").write_bytes(SOUND + bytes(28))
    assert len(load_gguf(tmp_path / "f")) == 8


def test_a_file_cut_at_any_byte_is_refused(tmp_path):
    path = tmp_path / "f"
    for length in range(len(SOUND)):
        path.write_bytes(SOUND[:length])
        with pytest.raises(ValueError, match=r"truncated|begin with"):
            load_gguf(path)


edits = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, len(SOUND) - 1), st.integers(0, 7)),
        st.tuples(st.just("set"), st.integers(0, len(SOUND) - 1), st.integers(0, 255)),
        st.tuples(st.just("u64"), st.integers(0, len(SOUND) - 8), st.integers(0, 2**64 - 1)),
        st.tuples(st.just("cut"), st.integers(0, len(SOUND)), st.integers(1, 40)),
        st.tuples(st.just("put"), st.integers(0, len(SOUND)), st.integers(1, 40)),
    ),
    min_size=1,
    max_size=4,
)


def mutated(changes: list[tuple[str, int, int]]) -> bytes:
    data = bytearray(SOUND)
    for kind, at, value in changes:
        if kind == "cut":
            del data[at : at + value]
        elif kind == "put":
            data[at:at] = bytes(value)
        elif kind == "u64":
            data[at : at + 8] = struct.pack("<Q", value)
        elif at < len(data):
            data[at] = data[at] ^ 1 << value if kind == "flip" else value
    return bytes(data)


@settings(
    max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits)
def test_mutated_files_load_or_are_refused(tmp_path: Path, changes: list[tuple[str, int, int]]):
    path = tmp_path / "f"
    path.write_bytes(mutated(changes))
    try:
        file = load_gguf(path)
    except ValueError:
        return
    for name, shape in file.shapes.items():
        array = file[name]
        assert array.shape == shape
        # At most 7.2 times what is stored: no tensor claims more than the file has.
        assert array.nbytes <= 8 * len(SOUND)
