"""Write tests/robustness/corpus/: safetensors files that a sound reader must refuse.

    python tools/make_hostile_safetensors.py [FOLDER]

Each file breaks one rule and is named after it. Large ones are gzipped. The output is the same on
every run, so that `git diff` shows what changed.
"""

from __future__ import annotations

import gzip
import json
import struct
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "robustness" / "corpus"
GZIP_ABOVE = 4096


def file_bytes(header: str | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str = "U8", shape: object = (0,), offsets: object = (0, 0)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def tensor(data: bytes = b"", **fields: object) -> bytes:
    """A file with one tensor "a" and these fields."""
    return file_bytes(json.dumps({"a": entry(**fields)}), data)  # type: ignore[arg-type]


def tensors(data: bytes, **entries: dict[str, object]) -> bytes:
    return file_bytes(json.dumps(entries), data)


def with_fields(fields: str, data: bytes = b"") -> bytes:
    """A file with one tensor "a" whose fields are this JSON text."""
    return file_bytes('{"a":{' + fields + "}}", data)


def many_entries(count: int, name: str = "{}") -> bytes:
    one = '"%s":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    return file_bytes("{" + ",".join(one % name.format(i) for i in range(count)) + "}")


def lengths() -> dict[str, bytes]:
    valid = tensor(b"abcd", shape=[4], offsets=[0, 4])
    return {
        "empty_file": b"",
        "seven_bytes": b"\x02\0\0\0\0\0\0",
        "no_header": struct.pack("<Q", 0),
        "header_length_2_63": file_bytes("{}", length=1 << 63),
        "header_length_2_64_minus_1": file_bytes("{}", length=(1 << 64) - 1),
        "header_length_wraps_with_8": file_bytes("{}", length=(1 << 64) - 8),
        "header_length_100_mb_and_1": file_bytes("{}", length=100_000_001),
        "header_longer_than_file": file_bytes("{}", length=3),
        "truncated_header": valid[:40],
        "truncated_data": valid[:-1],
        "bytes_after_data": valid + b"x",
        "data_without_tensors": file_bytes("{}", b"x"),
        "zip_file": b"PK\x03\x04" + b"\0" * 60,
        "pickle": b"\x80\x04\x95" + b"\0" * 60,
    }


def json_forms() -> dict[str, bytes]:
    deep = "[" * 100_000
    return {
        "leading_space": file_bytes(" {}"),
        "byte_order_mark": file_bytes(b"\xef\xbb\xbf{}"),
        "top_level_array": file_bytes("[]"),
        "top_level_null": file_bytes("null"),
        "unclosed_object": file_bytes("{"),
        "text_after_object": file_bytes("{}x"),
        "null_byte_after_object": file_bytes(b"{}\0\0"),
        "comment": file_bytes("{}/* */"),
        "trailing_comma": file_bytes('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}'),
        "single_quotes": file_bytes("{'a':1}"),
        "invalid_utf8_name": file_bytes(b'{"\xff\xfe":1}'),
        "overlong_utf8_name": file_bytes(b'{"\xc0\xaf":1}'),
        "utf8_surrogate_name": file_bytes(b'{"\xed\xa0\x80":1}'),
        "lone_surrogate_escape": file_bytes('{"\\ud800":1}'),
        "control_character_in_name": file_bytes('{"a\n":1}'),
        "utf16_header": file_bytes("{}".encode("utf-16")),
        "deep_arrays": file_bytes('{"a":' + deep),
        "deep_shape": with_fields('"dtype":"U8","shape":' + deep),
        "deep_objects": file_bytes('{"a":' * 100_000),
        "deep_metadata": file_bytes('{"__metadata__":' + '{"a":' * 100_000),
        "one_long_string": file_bytes('{"' + "a" * 1_000_000),
        "only_spaces": file_bytes("{" + " " * 1_000_000),
        "backslashes": file_bytes('{"' + "\\\\" * 500_000),
        "many_digits": with_fields('"dtype":"U8","shape":[' + "9" * 1_000_000 + "]"),
        "many_sizes": with_fields('"dtype":"U8","shape":[' + "1," * 500_000 + "1]"),
    }


def entries() -> dict[str, bytes]:
    one = '"dtype":"U8","shape":[0],"data_offsets":[0,0]'
    return {
        "entry_is_number": file_bytes('{"a":1}'),
        "entry_is_null": file_bytes('{"a":null}'),
        "missing_dtype": with_fields('"shape":[0],"data_offsets":[0,0]'),
        "missing_shape": with_fields('"dtype":"U8","data_offsets":[0,0]'),
        "missing_offsets": with_fields('"dtype":"U8","shape":[0]'),
        "repeated_field": with_fields(one + ',"shape":[0]'),
        "unknown_field": with_fields(one + ',"strides":[1]'),
        "unknown_dtype": tensor(dtype="F33"),
        "unsupported_dtype": tensor(dtype="C64"),
        "lower_case_dtype": tensor(dtype="u8"),
        "dtype_is_number": with_fields('"dtype":1,"shape":[0],"data_offsets":[0,0]'),
        "name_with_null": file_bytes('{"a\\u0000b":{' + one + "}}"),
        "duplicate_name": file_bytes('{"a":{' + one + '},"a":{' + one + "}}"),
        "duplicate_name_escaped": file_bytes('{"a":{' + one + '},"\\u0061":{' + one + "}}"),
        "100_000_entries": many_entries(100_000),
        "60_000_duplicates": many_entries(60_000, "same"),
        "metadata_is_null": file_bytes('{"__metadata__":null}'),
        "metadata_is_list": file_bytes('{"__metadata__":[]}'),
        "metadata_number": file_bytes('{"__metadata__":{"k":1}}'),
        "metadata_nested": file_bytes('{"__metadata__":{"k":{"k":"v"}}}'),
        "metadata_duplicate_key": file_bytes('{"__metadata__":{"k":"a","k":"b"}}'),
        "metadata_twice": file_bytes('{"__metadata__":{},"__metadata__":{}}'),
        "metadata_100_000_keys": file_bytes(
            '{"__metadata__":{' + ",".join(f'"{i}":""' for i in range(100_000)) + "}}"
        ),
    }


def sizes() -> dict[str, bytes]:
    return {
        "shape_product_wraps_to_4": tensor(
            b"abcd", shape=[4194305, 4194305, 211106198978564], offsets=[0, 4]
        ),
        "shape_bytes_wrap_to_4": tensor(
            b"abcd", dtype="F32", shape=[(1 << 62) + 1], offsets=[0, 4]
        ),
        "shape_2_63": tensor(shape=[1 << 63]),
        "shape_2_64": tensor(shape=[1 << 64]),
        "shape_strides_overflow": tensor(shape=[1 << 40, 1 << 40, 0]),
        "shape_negative": tensor(b"ab", shape=[-2], offsets=[0, 2]),
        "shape_two_negatives": tensor(b"abcd", shape=[-2, -2], offsets=[0, 4]),
        "shape_fraction": tensor(b"ab", shape=[2.0], offsets=[0, 2]),
        "shape_exponent": with_fields('"dtype":"U8","shape":[2e0],"data_offsets":[0,2]', b"ab"),
        "shape_leading_zero": with_fields('"dtype":"U8","shape":[02],"data_offsets":[0,2]', b"ab"),
        "shape_true": tensor(b"a", shape=[True], offsets=[0, 1]),
        "shape_text": tensor(b"a", shape=["1"], offsets=[0, 1]),
        "shape_nan": tensor(b"a", shape=[float("nan")], offsets=[0, 1]),
        "shape_is_number": tensor(b"a", shape=1, offsets=[0, 1]),
        "too_many_dimensions": tensor(b"a", shape=[1] * 64, offsets=[0, 1]),
        "offsets_2_63": tensor(shape=[0], offsets=[1 << 63, 1 << 63]),
        "offsets_2_64": tensor(shape=[0], offsets=[1 << 64, 1 << 64]),
        "offsets_span_wraps": tensor(b"a", shape=[2], offsets=[(1 << 64) - 1, 1]),
        "offsets_backwards": tensor(b"abcd", shape=[2], offsets=[3, 1]),
        "offsets_past_end": tensor(b"abcd", shape=[8], offsets=[0, 8]),
        "offsets_negative": tensor(b"abcd", shape=[4], offsets=[-4, 0]),
        "offsets_one": tensor(b"a", shape=[1], offsets=[1]),
        "offsets_three": tensor(b"a", shape=[1], offsets=[0, 1, 1]),
        "span_smaller_than_shape": tensor(b"abcd", dtype="F32", shape=[2], offsets=[0, 4]),
        "span_larger_than_shape": tensor(b"abcdefgh", dtype="F32", shape=[1], offsets=[0, 8]),
        "bool_of_2": tensor(b"\x02", dtype="BOOL", shape=[1], offsets=[0, 1]),
    }


def layouts() -> dict[str, bytes]:
    def two(a: tuple[int, int], b: tuple[int, int], size: int) -> bytes:
        return tensors(
            bytes(size),
            a=entry(shape=[a[1] - a[0]], offsets=a),
            b=entry(shape=[b[1] - b[0]], offsets=b),
        )

    return {
        "hole_at_start": tensor(b"abcd", shape=[3], offsets=[1, 4]),
        "hole_between": two((0, 2), (3, 5), 5),
        "hole_at_end": tensor(b"abcd", shape=[3], offsets=[0, 3]),
        "overlap": two((0, 4), (2, 6), 6),
        "overlap_same": two((0, 4), (0, 4), 4),
        "overlap_inside": two((0, 8), (2, 4), 8),
        "empty_tensor_inside": two((0, 8), (4, 4), 8),
        "empty_tensor_past_end": two((0, 4), (5, 5), 4),
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {**lengths(), **json_forms(), **entries(), **sizes(), **layouts()}
    for old in [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.gz")]:
        old.unlink()
    for name, data in files.items():
        if len(data) > GZIP_ABOVE:
            packed = gzip.compress(data, compresslevel=9, mtime=0)
            (folder / f"{name}.safetensors.gz").write_bytes(packed)
        else:
            (folder / f"{name}.safetensors").write_bytes(data)
    print(f"{len(files)} files in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
