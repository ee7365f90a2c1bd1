"""Generation by one engine call per token: same tokens, same cache, bit for bit, and only for
models that nobody has changed."""

import numpy as np
import pytest

from tinytorch import _core
from tinytorch.core import _generate
from tinytorch.core.activations import GELU
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformer import GPT, LayerNorm
from tinytorch.perf import _native_decoding
from tinytorch.perf.memoization import disable_kv_cache, enable_kv_cache


@pytest.fixture
def model():
    np.random.seed(3)
    gpt = GPT(17, 24, 2, 3, max_seq_len=20)
    for parameter in gpt.parameters():  # no zeros or ones left, which would hide a forgotten part
        parameter.data[...] += np.random.normal(0, 0.1, parameter.shape)
    return gpt


@pytest.fixture
def recorded(monkeypatch):
    """The logits of every step of the next generations."""
    logits = []
    choose = _generate._choose

    def record(row, temperature):
        logits.append(np.array(row))
        return choose(row, temperature)

    monkeypatch.setattr(_generate, "_choose", record)
    return logits


def generate(model, prompt=(1, 2, 3), count=12, temperature=0.0):
    np.random.seed(0)
    return model.generate(Tensor([list(prompt)]), count, temperature=temperature).data


def without_decoder(monkeypatch):
    monkeypatch.setattr(_native_decoding, "decoder_for", lambda model, cache: None)


@pytest.mark.parametrize("temperature", [0.0, 1.3])
@pytest.mark.parametrize("prompt", [(4,), (1, 2, 3), tuple(range(8))])
def test_bits_are_those_of_the_model_itself(model, recorded, monkeypatch, prompt, temperature):
    cache = enable_kv_cache(model)
    assert _native_decoding.decoder_for(model, cache) is not None
    tokens = generate(model, prompt, temperature=temperature)
    native, kept, position = list(recorded), [t.data.copy() for t in cache.caches[1]], cache.seq_pos
    recorded.clear()
    without_decoder(monkeypatch)
    np.testing.assert_array_equal(tokens, generate(model, prompt, temperature=temperature))
    np.testing.assert_array_equal(native, recorded)
    np.testing.assert_array_equal(kept, [t.data for t in cache.caches[1]])
    assert cache.seq_pos == position
    disable_kv_cache(model)
    np.testing.assert_array_equal(tokens, generate(model, prompt, temperature=temperature))


def test_any_number_of_threads_gives_the_same_bits(model, recorded):
    enable_kv_cache(model)
    threads = _core.num_threads()
    try:
        for count in (1, 2, 3):
            _core.set_num_threads(count)
            generate(model)
    finally:
        _core.set_num_threads(threads)
    once = len(recorded) // 3
    np.testing.assert_array_equal(recorded[:once], recorded[once : 2 * once])
    np.testing.assert_array_equal(recorded[:once], recorded[2 * once :])


def test_weights_changed_between_generations_count(model):
    enable_kv_cache(model)
    before = generate(model)
    model.lm_head.weight.data = -model.lm_head.weight.data
    assert not np.array_equal(before, generate(model))


def replace_on_object(model):
    original = model.ln_f.forward
    model.ln_f.forward = lambda x: original(x) * 0.5


def subclass_a_part(model):
    class Louder(Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    model.blocks[0].mlp.linear1.__class__ = Louder


def put_something_else(model):
    model.blocks[1].mlp.gelu = type("Same", (), {"forward": lambda self, x: x})()


def replace_the_mlp(model):
    model.blocks[0].mlp = type("Nothing", (), {"forward": lambda self, x: x * 0.0})()


def replace_the_head(model):
    table = Tensor(np.random.default_rng(0).normal(size=(24, 17)))
    model.lm_head = type("Head", (), {"forward": lambda self, x: x.matmul(table)})()


def replace_a_block(model):
    model.blocks[1] = type("Skip", (), {"forward": lambda self, x, mask=None: x})()


def swap_attention(model):
    attention = model.blocks[0].attention
    cached = attention.forward
    attention.forward = lambda x, mask=None: cached(x, mask)


@pytest.mark.parametrize(
    "change",
    [
        replace_on_object,
        subclass_a_part,
        put_something_else,
        replace_the_mlp,
        replace_the_head,
        replace_a_block,
        swap_attention,
    ],
)
def test_a_changed_model_runs_as_it_is(model, monkeypatch, change):
    cache = enable_kv_cache(model)
    change(model)
    assert _native_decoding.decoder_for(model, cache) is None
    tokens = generate(model)
    without_decoder(monkeypatch)
    np.testing.assert_array_equal(tokens, generate(model))


@pytest.mark.parametrize(
    ("cls", "name"), [(Tensor, "__add__"), (LayerNorm, "forward"), (GELU, "forward")]
)
def test_a_method_replaced_on_a_class_is_used(model, monkeypatch, cls, name):
    cache = enable_kv_cache(model)
    original, calls = getattr(cls, name), []

    def counting(self, *args):
        calls.append(1)
        return original(self, *args)

    monkeypatch.setattr(cls, name, counting)
    assert _native_decoding.decoder_for(model, cache) is None
    generate(model)
    assert len(calls) > 12


def test_a_full_cache_is_an_error(model):
    enable_kv_cache(model)
    with pytest.raises(ValueError, match="past the cache"):
        generate(model, count=30)


def test_decoder_refuses_what_does_not_fit(model):
    cache = enable_kv_cache(model)
    decoder = _native_decoding.decoder_for(model, cache)
    with pytest.raises(ValueError, match="Index out of range"):
        decoder.step(17, 0)
    with pytest.raises(ValueError, match="Index out of range"):
        decoder.step(-1, 0)
    with pytest.raises(ValueError, match="past the cache"):
        decoder.step(0, 20)
    with pytest.raises(ValueError, match="contiguous float32"):
        decoder.attach(0, np.zeros((1, 3, 20, 4), np.float32), np.zeros(3), 0)
    with pytest.raises(ValueError, match="no layer"):
        decoder.attach(7, *cache.caches[0], 0)
    with pytest.raises(ValueError, match="do not fit"):
        decoder.attach(0, *cache.caches[0], 21)


def test_a_decoder_without_its_cache_is_an_error():
    width = np.zeros((4, 4), np.float32)
    row = np.zeros(4, np.float32)
    block = [row, row, width, row, width, row, width, row, width, row, row, row]
    block += [np.zeros((4, 8), np.float32), np.zeros(8, np.float32)]
    block += [np.zeros((8, 4), np.float32), row]
    decoder = _core.models.GptDecoder(width, width, [block], row, row, width, 2, 1e-5)
    with pytest.raises(RuntimeError, match="attach"):
        decoder.step(0, 0)
    with pytest.raises(ValueError, match="16 tensors"):
        _core.models.GptDecoder(width, width, [block[:3]], row, row, width, 2, 1e-5)
    with pytest.raises(ValueError, match="cut into 3 heads"):
        _core.models.GptDecoder(width, width, [block], row, row, width, 3, 1e-5)
    with pytest.raises(ValueError, match="must have shape"):
        _core.models.GptDecoder(width, width, [block], row, np.zeros(5), width, 2, 1e-5)
