"""GptSession against GPT-2's formulas, and against itself: one by one, batched, threaded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tinytorch import _core
from tinytorch.runtime import GptSession

WIDTH, HEADS, LAYERS, VOCABULARY, POSITIONS = 48, 3, 2, 37, 40


def weights(seed: int = 0, tied: bool = True) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 0.2) -> np.ndarray:
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    w = {"wte.weight": normal(VOCABULARY, WIDTH), "wpe.weight": normal(POSITIONS, WIDTH)}
    for name in [f"h.{i}.ln_{j}" for i in range(LAYERS) for j in (1, 2)] + ["ln_f"]:
        w[name + ".weight"] = 1 + normal(WIDTH)
        w[name + ".bias"] = normal(WIDTH)
    for i in range(LAYERS):
        for name, n, m in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            w[f"h.{i}.{name}.weight"] = normal(n, m)
            w[f"h.{i}.{name}.bias"] = normal(m)
    if not tied:
        w["lm_head.weight"] = normal(VOCABULARY, WIDTH)
    return w


def layer_norm(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return h * w[name + ".weight"] + w[name + ".bias"]


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def expected_logits(w: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """Logits after the last of `ids`, in float64."""
    w = {k: v.astype(np.float64) for k, v in w.items()}
    n, size = len(ids), WIDTH // HEADS
    x = w["wte.weight"][ids] + w["wpe.weight"][:n]
    for i in range(LAYERS):
        p = f"h.{i}."
        h = layer_norm(x, w, p + "ln_1")
        qkv = h @ w[p + "attn.c_attn.weight"] + w[p + "attn.c_attn.bias"]
        q, k, v = qkv.reshape(n, 3, HEADS, size).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(size)
        scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
        a = np.exp(scores - scores.max(-1, keepdims=True))
        y = (a / a.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, WIDTH)
        x = x + y @ w[p + "attn.c_proj.weight"] + w[p + "attn.c_proj.bias"]
        h = layer_norm(x, w, p + "ln_2")
        h = gelu_tanh(h @ w[p + "mlp.c_fc.weight"] + w[p + "mlp.c_fc.bias"])
        x = x + h @ w[p + "mlp.c_proj.weight"] + w[p + "mlp.c_proj.bias"]
    return layer_norm(x, w, "ln_f")[-1] @ w.get("lm_head.weight", w["wte.weight"]).T


def ids_of(n: int, seed: int = 1) -> list[int]:
    return [int(t) for t in np.random.default_rng(seed).integers(0, VOCABULARY, n)]


def prefill(session: GptSession, ids: list[int]) -> np.ndarray:
    return session.append([session.sequence(POSITIONS)], [ids])[0]


@pytest.mark.parametrize("tied", [True, False])
def test_float_logits_are_those_of_the_formulas(tied: bool) -> None:
    w = weights(tied=tied)
    session = GptSession(w, heads=HEADS)
    for n in (1, 2, 17, POSITIONS):
        ids = ids_of(n)
        np.testing.assert_allclose(prefill(session, ids), expected_logits(w, ids), atol=1e-4)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("f32", 1e-6), ("bf16", 0.02), ("int8", 0.08), ("int4", 0.3)]
)
def test_other_precisions_stay_near(precision: str, tolerance: float) -> None:
    w, ids = weights(), ids_of(20)
    exact = expected_logits(w, ids)
    error = np.abs(prefill(GptSession(w, heads=HEADS, precision=precision), ids) - exact).max()
    assert error / np.abs(exact).max() < tolerance


@pytest.mark.parametrize("cache", ["f32", "f16"])
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8", "int4"])
def test_bits_do_not_depend_on_how_positions_come(precision: str, cache: str) -> None:
    session = GptSession(weights(), heads=HEADS, precision=precision, cache=cache)
    ids = ids_of(30)
    together = prefill(session, ids)
    one_by_one = session.sequence(POSITIONS)
    for token in ids:
        last = session.append([one_by_one], [[token]])[0]
    np.testing.assert_array_equal(last, together)
    pieces = session.sequence(30)
    session.append([pieces], [ids[:7]])
    np.testing.assert_array_equal(session.append([pieces], [ids[7:]])[0], together)
    assert pieces.length == 30


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8", "int4"])
def test_bits_do_not_depend_on_the_batch_or_threads(precision: str) -> None:
    session = GptSession(weights(), heads=HEADS, precision=precision)
    texts = [ids_of(n, seed=n) for n in (3, 11, 1, 26, 8)]
    alone = np.stack([prefill(session, ids) for ids in texts])
    before = _core.num_threads()
    try:
        for threads in (1, 2, 5):
            _core.set_num_threads(threads)
            sequences = [session.sequence(POSITIONS) for _ in texts]
            np.testing.assert_array_equal(session.append(sequences, texts), alone)
    finally:
        _core.set_num_threads(before)


def test_generation_is_greedy_and_batched_generation_the_same() -> None:
    session = GptSession(weights(), heads=HEADS, precision="int8")
    prompts = np.array([ids_of(5, seed=s) for s in range(3)])
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
    session = GptSession(weights(), heads=HEADS)
    ids = ids_of(12)
    sequence = session.sequence(POSITIONS)
    session.append([sequence], [ids])
    sequence.truncate(5)
    np.testing.assert_array_equal(session.append([sequence], [ids[5:]])[0], prefill(session, ids))


def test_a_half_precision_cache_is_half_as_large_and_nearly_as_good() -> None:
    w, ids = weights(), ids_of(30)
    full, half = (GptSession(w, heads=HEADS, cache=c) for c in ("f32", "f16"))
    assert half.sequence(30).nbytes * 2 == full.sequence(30).nbytes
    exact = expected_logits(w, ids)
    error = np.abs(prefill(half, ids) - exact).max()
    assert 0 < error < 2e-3 * np.abs(exact).max()
    with pytest.raises(ValueError, match="unknown cache format"):
        GptSession(w, heads=HEADS, cache="f8")


def test_bytes_shrink_with_the_format() -> None:
    sizes = {
        p: GptSession(weights(), heads=HEADS, precision=p).nbytes
        for p in ("f32", "bf16", "int8", "int4")
    }
    assert sizes["f32"] > sizes["bf16"] > sizes["int8"] > sizes["int4"]


def test_refusals_leave_sequences_as_they_were() -> None:
    session = GptSession(weights(), heads=HEADS)
    a, b = session.sequence(4), session.sequence(4)
    session.append([a], [[1, 2, 3]])
    with pytest.raises(ValueError, match="room for 4"):
        session.append([b, a], [[1], [1, 2]])
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 37\)"):
        session.append([b], [[5, VOCABULARY]])
    with pytest.raises(ValueError, match="no tokens"):
        session.append([b], [[]])
    with pytest.raises(RuntimeError, match="named twice"):
        session.append([b, b], [[1], [2]])
    with pytest.raises(ValueError, match="as many"):
        session.append([b], [])
    assert (a.length, b.length) == (3, 0)
    with pytest.raises(ValueError, match="1 to 40"):
        session.sequence(POSITIONS + 1)
    with pytest.raises(ValueError, match="cannot be cut"):
        a.truncate(4)
    with pytest.raises(ValueError, match="positions"):
        session.generate([[1, 2]], POSITIONS)


def test_bad_weights_are_named() -> None:
    good = weights()
    with pytest.raises(ValueError, match=r"lack 'h.1.mlp.c_fc.bias'"):
        GptSession({k: v for k, v in good.items() if k != "h.1.mlp.c_fc.bias"}, heads=HEADS)
    with pytest.raises(ValueError, match=r"blocks\[0\].qkv must have shape"):
        GptSession(good | {"h.0.attn.c_attn.weight": np.zeros((WIDTH, 7))}, heads=HEADS)
    with pytest.raises(ValueError, match="heads do not divide"):
        GptSession(good, heads=5)
    with pytest.raises(ValueError, match="unknown precision 'int3'"):
        GptSession(good, heads=HEADS, precision="int3")
    with pytest.raises(ValueError, match="unknown activation"):
        GptSession(good, heads=HEADS, activation="swish")


def test_threads_share_a_session_but_not_a_sequence() -> None:
    session = GptSession(weights(), heads=HEADS)
    texts = [ids_of(POSITIONS, seed=s) for s in range(6)]
    alone = [prefill(session, ids) for ids in texts]
    got: list[np.ndarray | None] = [None] * len(texts)

    def work(i: int) -> None:
        sequence = session.sequence(POSITIONS)
        for token in texts[i]:
            got[i] = session.append([sequence], [[token]])[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(texts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one, other in zip(got, alone, strict=True):
        np.testing.assert_array_equal(one, other)
