"""Key-value cache (contract 19)."""

import numpy as np
import pytest

from tinytorch import GPT, Tensor
from tinytorch.perf.memoization import (
    KVCache,
    create_kv_cache,
    disable_kv_cache,
    enable_kv_cache,
)

RNG = np.random.default_rng(12)


def one_position():
    return Tensor(RNG.standard_normal((2, 3, 1, 4)))


def test_attributes_and_size():
    cache = KVCache(2, 8, 5, 3, 4)
    names = ("batch_size", "max_seq_len", "num_layers", "num_heads", "head_dim", "seq_pos")
    assert [getattr(cache, name) for name in names] == [2, 8, 5, 3, 4, 0]
    assert len(cache.caches) == 5
    for key, value in cache.caches:
        assert key.shape == value.shape == (2, 3, 8, 4)
        assert not key.data.any()
    usage = cache.get_memory_usage()
    elements = 5 * 2 * 2 * 3 * 8 * 4
    assert usage == {
        "total_mb": elements * 4 / 2**20,
        "per_layer_mb": elements * 4 / 2**20 / 5,
        "cache_tensors": 10,
        "total_elements": elements,
    }


def test_update_get_advance_reset():
    cache = KVCache(2, 3, 2, 3, 4)
    assert cache.get(0)[0].shape == (2, 3, 0, 4)
    written = []
    for _ in range(3):
        key, value = one_position(), one_position()
        cache.update(layer_idx=1, key=key, value=value)
        written.append((key, value))
        cache.advance()
    assert cache.seq_pos == 3
    keys, values = cache.get(1)
    np.testing.assert_array_equal(keys.data, np.concatenate([k.data for k, _ in written], axis=2))
    np.testing.assert_array_equal(values.data, np.concatenate([v.data for _, v in written], axis=2))
    keys.data.fill(9)
    assert not np.any(cache.get(1)[0].data == 9)
    assert not cache.get(0)[0].data.any()
    with pytest.raises(ValueError, match="Sequence position"):
        cache.update(0, one_position(), one_position())
    cache.reset()
    assert cache.seq_pos == 0
    assert not cache.caches[1][0].data.any()


def test_update_does_not_move_the_position():
    cache = KVCache(2, 3, 1, 3, 4)
    cache.update(0, one_position(), one_position())
    second = one_position()
    cache.update(0, second, second)
    cache.advance()
    np.testing.assert_array_equal(cache.get(0)[0].data, second.data)


@pytest.mark.parametrize("layer", [-1, 2, 100])
def test_layers_that_do_not_exist(layer):
    cache = KVCache(2, 3, 2, 3, 4)
    with pytest.raises(ValueError, match="Layer index"):
        cache.update(layer, one_position(), one_position())
    with pytest.raises(ValueError, match="Layer index"):
        cache.get(layer)


def test_other_lengths_are_refused():
    cache = KVCache(2, 3, 2, 3, 4)
    with pytest.raises(ValueError, match="shape"):
        cache.update(0, Tensor(np.ones((2, 3, 2, 4))), Tensor(np.ones((2, 3, 2, 4))))


def test_creating():
    assert isinstance(create_kv_cache(1, 4, 2, 2, 8), KVCache)
    assert isinstance(enable_kv_cache(1, 4, 2, 2, 8), KVCache)
    made = enable_kv_cache(batch_size=1, max_seq_len=4, num_layers=2, num_heads=2, head_dim=8)
    assert made.head_dim == 8


def small():
    np.random.seed(0)
    return GPT(11, 8, 2, 2, 16)


def test_enabling_and_disabling(capsys):
    model = small()
    originals = [block.attention.forward for block in model.blocks]
    cache = enable_kv_cache(model)
    assert model._kv_cache is cache
    assert model._cache_enabled is True
    assert (cache.batch_size, cache.num_layers, cache.head_dim) == (1, 2, 4)
    for block, original in zip(model.blocks, originals, strict=True):
        assert block._original_attention_forward == original
        assert block.attention.forward != original
    assert capsys.readouterr().out == ""
    again = enable_kv_cache(model)
    assert model._kv_cache is again
    assert model.blocks[0]._original_attention_forward == originals[0]
    disable_kv_cache(model)
    assert model._cache_enabled is False
    assert not hasattr(model, "_kv_cache")
    assert model.blocks[0].attention.forward == originals[0]
    disable_kv_cache(model)
    assert "not enabled" in capsys.readouterr().out
    assert enable_kv_cache(model) is model._kv_cache


def test_cached_logits_are_the_uncached_ones():
    model = small()
    tokens = RNG.integers(0, 11, (1, 10))
    expected = model(Tensor(tokens)).data
    cache = enable_kv_cache(model)
    for _ in range(2):
        cache.reset()
        for position in range(10):
            logits = model(Tensor(tokens[:, position : position + 1])).data
            np.testing.assert_allclose(logits[0, 0], expected[0, position], rtol=1e-4, atol=1e-5)
            cache.advance()
    np.testing.assert_allclose(model(Tensor(tokens)).data, expected, rtol=1e-5, atol=1e-6)


def test_a_prompt_fills_the_cache():
    model = small()
    tokens = RNG.integers(0, 11, (1, 10))
    expected = model(Tensor(tokens)).data
    cache = enable_kv_cache(model)
    model(Tensor(tokens[:, :6]))
    for _ in range(6):
        cache.advance()
    for position in range(6, 10):
        logits = model(Tensor(tokens[:, position : position + 1])).data
        np.testing.assert_allclose(logits[0, 0], expected[0, position], rtol=1e-4, atol=1e-5)
        cache.advance()


def test_training_goes_on_with_a_cache():
    model = small()
    enable_kv_cache(model)
    model(Tensor([[1, 2, 3]])).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("name", ["embed_dim", "num_layers", "num_heads", "max_seq_len", "blocks"])
def test_unsuitable_models(name):
    model = small()
    delattr(model, name)
    with pytest.raises(AttributeError, match="Model missing"):
        enable_kv_cache(model)


def test_indivisible_width():
    model = small()
    model.num_heads = 3
    with pytest.raises(ValueError, match="divisible"):
        enable_kv_cache(model)


class MockBlock:
    def __init__(self):
        self.attention = self
        self.calls = 0

    def forward(self, x, mask=None):
        self.calls += 1
        return x


class MockModel:
    embed_dim, num_layers, num_heads, max_seq_len = 8, 2, 2, 16

    def __init__(self):
        self.blocks = [MockBlock(), MockBlock()]


def test_blocks_that_are_their_own_attention():
    model = MockModel()
    cache = enable_kv_cache(model)
    x = Tensor(np.ones((1, 1, 8)))
    for block in model.blocks:
        assert block.forward(x) is x
        assert block.attention.forward(x, None) is x
    cache.advance()
    assert model.blocks[0].forward(x, mask=None) is x
    disable_kv_cache(model)
    assert model.blocks[0].forward(x) is x
    assert model.blocks[0].calls == 4
