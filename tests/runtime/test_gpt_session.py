"""GptSession against itself: one by one, batched, threaded, cut and copied; and what it refuses."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gpt_reference import GPT2, LLAMA, expected_logits, ids_of, random_weights

from tinytorch import _core
from tinytorch.models.gpt import GptConfig
from tinytorch.runtime import GptSession

PRECISIONS = ["f32", "bf16", "int8", "int4"]
CACHES = ["f32", "f16", "int8"]
CONFIGS = [pytest.param(GPT2, id="gpt2"), pytest.param(LLAMA, id="llama")]
LENGTH = GPT2.max_length


def session_of(config: GptConfig = GPT2, **options: Any) -> GptSession:
    return GptSession(random_weights(config), config, **options)


def prefill(session: GptSession, ids: list[int]) -> np.ndarray:
    return session.append([session.sequence(LENGTH)], [ids])[0]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("f32", 1e-6), ("bf16", 0.02), ("int8", 0.08), ("int4", 0.3)]
)
def test_other_precisions_stay_near(config: GptConfig, precision: str, tolerance: float) -> None:
    ids = ids_of(config, 20)
    exact = expected_logits(random_weights(config), config, ids)[-1]
    error = np.abs(prefill(session_of(config, precision=precision), ids) - exact).max()
    assert error / np.abs(exact).max() < tolerance


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_do_not_depend_on_how_positions_come(
    config: GptConfig, precision: str, cache: str
) -> None:
    session = session_of(config, precision=precision, cache=cache)
    ids = ids_of(config, 30)
    together = session.append([session.sequence(LENGTH)], [ids], 30)
    one_by_one = session.sequence(LENGTH)
    for i, token in enumerate(ids):
        np.testing.assert_array_equal(session.append([one_by_one], [[token]])[0], together[i])
    pieces = session.sequence(30)
    session.append([pieces], [ids[:7]], 0)
    np.testing.assert_array_equal(session.append([pieces], [ids[7:]], 5), together[-5:])
    assert pieces.length == 30


@pytest.mark.parametrize("precision", PRECISIONS)
def test_long_texts_are_taken_in_pieces_that_do_not_show(precision: str) -> None:
    config = replace(LLAMA, max_length=1300)
    session = session_of(config, precision=precision)
    texts = [ids_of(config, n, seed=n) for n in (3, 1250, 1, 700)]
    sequences = [session.sequence() for _ in texts]
    together = session.append(sequences, texts, [2, 900, 0, 700])
    parts = []
    for text, wanted in zip(texts, (2, 900, 0, 700), strict=True):
        sequence = session.sequence()
        for i in range(0, len(text), 11):
            part = text[i : i + 11]
            logits = session.append([sequence], [part], len(part))
            parts.append(logits[max(0, len(text) - wanted - i) :])
    np.testing.assert_array_equal(together, np.concatenate(parts))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_do_not_depend_on_the_batch_or_threads(config: GptConfig, precision: str) -> None:
    session = session_of(config, precision=precision)
    texts = [ids_of(config, n, seed=n) for n in (3, 11, 1, 26, 8)]
    alone = np.stack([prefill(session, ids) for ids in texts])
    before = _core.num_threads()
    try:
        for threads in (1, 2, 5):
            _core.set_num_threads(threads)
            sequences = [session.sequence(LENGTH) for _ in texts]
            np.testing.assert_array_equal(session.append(sequences, texts), alone)
    finally:
        _core.set_num_threads(before)


def test_wanted_logits_come_sequence_after_sequence() -> None:
    session = session_of()
    texts = [ids_of(GPT2, n, seed=n) for n in (4, 9, 2)]

    def append(wanted: Any) -> np.ndarray:
        return session.append([session.sequence(LENGTH) for _ in texts], texts, wanted)

    alone = [session.append([session.sequence()], [ids], len(ids)) for ids in texts]
    got = append([4, 0, 1])
    np.testing.assert_array_equal(got, np.concatenate([alone[0], alone[2][-1:]]))
    np.testing.assert_array_equal(append(2), np.concatenate([a[-2:] for a in alone]))
    np.testing.assert_array_equal(append(None), append(1))
    assert append(0).shape == (0, GPT2.vocabulary)
    for wrong in (3, -1, [1, 1, 3], [1, -1, 1]):
        with pytest.raises(ValueError, match="can be wanted"):
            append(wrong)
    with pytest.raises(ValueError, match="one per sequence"):
        append([1, 1])


def test_generation_is_greedy_and_batched_generation_the_same() -> None:
    session = session_of(precision="int8")
    prompts = np.array([ids_of(GPT2, 5, seed=s) for s in range(3)])
    made = session.generate(prompts, 12)
    assert made.shape == (3, 12)
    assert made.dtype == np.int64
    for prompt, tokens in zip(prompts, made, strict=True):
        ids = list(prompt)
        for token in tokens:
            assert int(prefill(session, ids).argmax()) == token
            ids.append(token)
    assert session.generate(prompts, 0).shape == (3, 0)
    assert session.generate(np.zeros((0, 4), np.int64), 3).shape == (0, 3)


def test_a_cut_sequence_goes_on_as_if_never_longer() -> None:
    session = session_of()
    ids = ids_of(GPT2, 12)
    sequence = session.sequence(LENGTH)
    session.append([sequence], [ids])
    sequence.truncate(5)
    np.testing.assert_array_equal(session.append([sequence], [ids[5:]])[0], prefill(session, ids))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("length", [0, 1, 16, 29, 33])
def test_a_copied_prefix_goes_on_as_its_origin(config: GptConfig, cache: str, length: int) -> None:
    session = session_of(config, cache=cache)
    ids, others = ids_of(config, 34), ids_of(config, 38, seed=2)
    origin, copy = session.sequence(), session.sequence(38)
    expected = prefill(session, ids)
    session.append([origin, copy], [ids, others])
    copy.copy_prefix(origin, length)
    assert (copy.length, origin.length) == (length, 34)
    origin.truncate(0)
    session.append([origin], [others[:20]])  # what the origin does later is not the copy's
    np.testing.assert_array_equal(session.append([copy], [ids[length:]])[0], expected)
    copy.copy_prefix(copy, 7)
    np.testing.assert_array_equal(session.append([copy], [ids[7:]])[0], expected)


def test_prefixes_that_cannot_be_copied_change_nothing() -> None:
    session, other = session_of(), session_of()
    ids = ids_of(GPT2, 10)
    origin, copy, foreign = session.sequence(), session.sequence(6), other.sequence()
    session.append([origin, copy], [ids, ids[:3]])
    with pytest.raises(ValueError, match="room for 6"):
        copy.copy_prefix(origin, 7)
    for length in (-1, 11):
        with pytest.raises(ValueError, match="sequence of 10"):
            session.sequence().copy_prefix(origin, length)
    with pytest.raises(ValueError, match="one session"):
        foreign.copy_prefix(origin, 2)
    with pytest.raises(TypeError):
        copy.copy_prefix(None, 0)
    assert (origin.length, copy.length, foreign.length) == (10, 3, 0)
    np.testing.assert_array_equal(
        session.append([copy], [ids[3:6]])[0], prefill(session_of(), ids[:6])
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_smaller_caches_are_nearly_as_good(config: GptConfig) -> None:
    ids, weights = ids_of(config, 40), random_weights(config)
    exact = expected_logits(weights, config, ids)
    bytes_of = {}
    for cache, bound in (("f32", 1e-6), ("f16", 2e-3), ("int8", 0.02)):
        session = session_of(config, cache=cache)
        sequence = session.sequence()
        error = np.abs(session.append([sequence], [ids], 40) - exact).max() / np.abs(exact).max()
        assert 0 < error < bound, cache
        bytes_of[cache] = sequence.nbytes
    assert bytes_of["f16"] * 2 == bytes_of["f32"]
    scales = 2 * config.layers * config.kv_heads * config.max_length * 4
    assert bytes_of["int8"] == bytes_of["f32"] // 4 + scales
    with pytest.raises(ValueError, match="unknown cache format"):
        session_of(cache="f8")


def table_bytes(config: GptConfig, precision: str) -> int:
    """Bytes of a token table whose width is a multiple of 32."""
    size = config.vocabulary * config.width
    rest = {"int8": 4 * config.vocabulary, "int4": size // 16}.get(precision, 0)
    return int(size * {"f32": 4, "bf16": 2, "int8": 1, "int4": 0.5}[precision]) + rest


def test_a_tied_table_is_kept_once() -> None:
    config = GptConfig(400, 64, layers=1, heads=2, max_length=8)
    untied = replace(config, tied=False)
    for precision in PRECISIONS:
        for head in PRECISIONS:
            one, two = (session_of(c, precision=precision, head=head) for c in (config, untied))
            other = {"bf16": "bf16", "f32": "f32"}.get(head, "int8")  # half precision is as large
            assert two.nbytes - one.nbytes == table_bytes(config, other)
        size = session_of(config, precision=precision, head="f32").nbytes
        smaller = session_of(config, precision=precision, head="int4").nbytes
        assert size - smaller == table_bytes(config, "f32") - table_bytes(config, "int4")


@pytest.mark.parametrize("tied", [True, False])
def test_tokens_are_rounded_as_their_table_is(tied: bool) -> None:
    """With all else in float32: what the table's format does to the logits, and no more."""
    config = replace(GPT2, tied=tied)
    weights, ids = random_weights(config), ids_of(config, 12)
    for head in ("bf16", "int8"):
        tables = {"tokens": weights["tokens"], "head.weight": weights.get("head.weight")}
        rounded = {}
        for name, table in tables.items():
            if table is None:
                continue
            if head == "int8":
                scales = np.abs(table).max(1, keepdims=True) / 127
                rounded[name] = np.rint(table / scales) * scales
            elif name == "tokens" and not tied:
                rounded[name] = table.astype(np.float16).astype(np.float32)
            else:
                bits = table.view(np.uint32).astype(np.uint64)
                bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
                rounded[name] = bits.astype(np.uint32).view(np.float32)
        got = GptSession(weights, config, head=head)
        got_logits = got.append([got.sequence()], [ids])[0]
        exact = expected_logits(weights | rounded, config, ids)[-1]
        error = np.abs(got_logits - exact).max() / np.abs(exact).max()
        assert error < (5e-3 if head == "bf16" else 8e-3)  # the head's activations are rounded, too


def test_tables_too_large_for_half_precision_stay_floats() -> None:
    config = replace(GPT2, tied=False)
    weights = random_weights(config)
    large = weights | {"tokens": weights["tokens"] * 1e6}
    sizes = [GptSession(w, config, precision="bf16").nbytes for w in (weights, large)]
    assert sizes[1] - sizes[0] == weights["tokens"].nbytes // 2
    session = GptSession(large, config, head="bf16")
    assert np.isfinite(prefill(session, ids_of(config, 5))).all()


def test_shared_heads_make_the_cache_smaller() -> None:
    many = session_of(replace(LLAMA, kv_heads=6)).sequence().nbytes
    assert many == 3 * session_of(LLAMA).sequence().nbytes


def test_refusals_leave_sequences_as_they_were() -> None:
    session = session_of()
    a, b = session.sequence(4), session.sequence(4)
    session.append([a], [[1, 2, 3]])
    with pytest.raises(ValueError, match="room for 4"):
        session.append([b, a], [[1], [1, 2]])
    for bad in (GPT2.vocabulary, -1):
        with pytest.raises(ValueError, match=r"tokens must be in \[0, 37\)"):
            session.append([b], [[5, bad]])
    with pytest.raises(ValueError, match="no tokens"):
        session.append([b], [[]])
    with pytest.raises(ValueError, match="shape"):
        session.append([b], [[[1, 2]]])
    with pytest.raises(RuntimeError, match="named twice"):
        session.append([b, b], [[1], [2]])
    with pytest.raises(ValueError, match="as many"):
        session.append([b], [])
    with pytest.raises(ValueError, match="another session"):
        session.append([session_of(LLAMA).sequence()], [[1]])
    for thing in (None, 3, session):
        with pytest.raises(TypeError, match="sequences made by"):
            session.append([thing], [[1]])  # type: ignore[list-item]
    assert (a.length, b.length) == (3, 0)
    for capacity in (LENGTH + 1, 0, -1):
        with pytest.raises(ValueError, match="1 to 40"):
            session.sequence(capacity)
    with pytest.raises(ValueError, match="cannot be cut"):
        a.truncate(4)
    for count in (LENGTH, 2**62):
        with pytest.raises(ValueError, match="positions"):
            session.generate([[1, 2]], count)


def test_bad_weights_are_named() -> None:
    good = random_weights(GPT2)

    def make(changed: dict[str, Any], config: GptConfig = GPT2, **options: Any) -> GptSession:
        return GptSession(good | changed, config, **options)

    with pytest.raises(ValueError, match=r"lack 'blocks.1.up.weight' of shape \(192, 48\)"):
        GptSession({k: v for k, v in good.items() if k != "blocks.1.up.weight"}, GPT2)
    with pytest.raises(ValueError, match=r"blocks.0.qkv.weight must have shape \(144, 48\)"):
        make({"blocks.0.qkv.weight": np.zeros((48, 7))})
    for name in ("blocks.2.norm1.gamma", "blocks.0.qkv", "lm_head.weight", ""):
        with pytest.raises(ValueError, match=f"no array of this model is called '{name}'"):
            make({name: np.zeros(48)})
    with pytest.raises(ValueError, match=r"'head.weight', but this one is tied"):
        make({"head.weight": np.zeros((37, 48))})
    with pytest.raises(ValueError, match=r"'positions', but only models with learned"):
        make({}, replace(GPT2, positions="rotary"))
    with pytest.raises(ValueError, match="rms norms have no beta"):
        make({}, replace(GPT2, norm="rms"))
    with pytest.raises(ValueError, match=r"lack 'blocks.0.gate.weight'"):
        make({}, replace(GPT2, gated=True))
    for precision in PRECISIONS:
        for bad in (np.nan, np.inf, -np.inf):
            broken = good["blocks.1.down.weight"].copy()
            broken[17, 150] = bad
            with pytest.raises(ValueError, match=r"blocks.1.down.weight holds NaN or infinity"):
                make({"blocks.1.down.weight": broken}, precision=precision)
    with pytest.raises(ValueError, match="unknown precision 'int3'"):
        make({}, precision="int3")
    with pytest.raises(TypeError, match="GptConfig, got int"):
        make({}, 3)  # type: ignore[arg-type]


def test_a_session_does_not_change_with_the_arrays_it_was_made_of() -> None:
    for config in (GPT2, LLAMA):
        weights, ids = random_weights(config), ids_of(config, 9)
        session = GptSession(weights, config)
        before = prefill(session, ids)
        for array in weights.values():
            array[...] = np.nan
        np.testing.assert_array_equal(prefill(session, ids), before)


def test_threads_share_a_session_but_not_a_sequence() -> None:
    session = session_of()
    texts = [ids_of(GPT2, LENGTH, seed=s) for s in range(6)]
    alone = [prefill(session, ids) for ids in texts]
    got: list[np.ndarray | None] = [None] * len(texts)

    def work(i: int) -> None:
        sequence = session.sequence(LENGTH)
        for token in texts[i]:
            got[i] = session.append([sequence], [[token]])[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(texts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one, other in zip(got, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_config_that_asks_for_absurd_memory_is_refused_when_it_is_asked_for() -> None:
    config = GptConfig(
        5, 1, 1, 64, head_size=1024, hidden=100_000, max_length=2**24,
        positions="rotary", norm="rms",
    )  # fmt: skip
    session = GptSession(random_weights(config), config)  # few weights
    with pytest.raises(MemoryError, match="cannot allocate"):
        session.sequence()
    few = session.sequence(9)
    assert session.append([few], [[0, 1, 2, 3, 4]], 5).shape == (5, 5)
