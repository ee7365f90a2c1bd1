"""The restricted pickle reader: plain data comes through, everything else is refused."""

import collections
import contextlib
import os
import pickle
import random

import numpy as np
import pytest

from tinytorch import _safe_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def plain_data():
    shared = np.arange(6, dtype=np.float32).reshape(2, 3)
    return {
        "shared": shared,
        "again": shared,
        "transposed": shared.T,
        "big endian": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 3)),
        "text": np.array(["a", "bc"]),
        "list": [1, -2.5, "x", b"y", b"", None, True, 1 << 70, np.float64(3), (1, np.int64(2))],
        "ordered": collections.OrderedDict([(1, "one")]),
        "set": {1, 2},
        "frozen": frozenset(["a"]),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_comes_through(protocol):
    data = plain_data()
    read = _safe_pickle.loads(pickle.dumps(data, protocol), encoding="latin1")
    for name in ("shared", "again", "transposed", "big endian", "empty", "text"):
        assert type(read[name]) is np.ndarray
        np.testing.assert_array_equal(read[name], data[name])
    assert read["shared"] is read["again"]
    for name in ("list", "ordered", "set", "frozen"):
        assert read[name] == data[name]


def test_python_2_strings_as_bytes():
    # {"data": array, "labels": [...]} as Python 2 wrote it, protocol 2
    text = b"\x80\x02}q\x00(U\x06labelsq\x01]q\x02(K\x03K\x05eU\x05batchq\x03U\x02\xff\x00u."
    assert _safe_pickle.loads(text, encoding="bytes") == {b"labels": [3, 5], b"batch": b"\xff\x00"}


class Runs:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: Runs(os.system, "echo never > /dev/null"),
        lambda: Runs(eval, "1"),
        lambda: Runs(getattr, "", "join"),
        lambda: Runs(bytearray, 10**12),
        lambda: np.array([{}], dtype=object),
        lambda: np.zeros(2, dtype=[("a", "i4")]),
        lambda: collections.Counter("ab"),
        lambda: len,
        lambda: np.dtype("f4"),
        lambda: np.ndarray,
    ],
)
def test_everything_else_is_refused(make, protocol):
    data = pickle.dumps(make(), protocol)
    with pytest.raises(_safe_pickle.UnsafePickleError):
        _safe_pickle.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"\x80\x04",
        b"\x80\x04N\x94r\xff\xff\xff\xff.",  # memo slot 2**32 - 1: gigabytes if believed
        b"\x80\x02\x82\x01.",  # extension code
        b"Pid\n.",  # persistent id
        b"(S'echo'\nios\nsystem\n.",  # old-style instance
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # bytes longer than the file
        b"]" * 300 + b"a" * 299 + b".",  # deep nesting
        b"\x80\x02}()" + b"\x85" * 1_000_000 + b"K\x01u.",  # a key whose hash overflows the stack
        b"\x80\x04\x8f()" + b"\x85" * 1_000_000 + b"\x90.",  # the same as a set member
    ],
)
def test_hostile_bytes_are_refused(data):
    with pytest.raises(_safe_pickle.UnsafePickleError):
        _safe_pickle.loads(data)


def test_array_sizes_must_agree_with_the_bytes():
    good = pickle.dumps(np.arange(4, dtype=np.int32), 2)
    assert b"K\x04\x85" in good  # the shape (4,)
    with pytest.raises(_safe_pickle.UnsafePickleError):
        _safe_pickle.loads(good.replace(b"K\x04\x85", b"K\x09\x85"))


def test_damaged_files_raise_only_the_one_error():
    base = pickle.dumps(plain_data(), 2)
    rng = random.Random(0)
    for _ in range(3000):
        damaged = bytearray(base)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with contextlib.suppress(_safe_pickle.UnsafePickleError):
            _safe_pickle.loads(bytes(damaged), encoding="bytes")
