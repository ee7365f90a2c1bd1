"""Module 17: a KV cache and the scripts that swap a block's attention, on the package's GPT."""

# %%
import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.core.transformer import GPT
from tinytorch.perf import memoization as package
from tinytorch.perf.profiling import Profiler


# %%
class KVCache:
    def __init__(self, batch_size, max_seq_len, num_layers, num_heads, head_dim):
        self.batch_size, self.max_seq_len, self.num_layers = batch_size, max_seq_len, num_layers
        self.num_heads, self.head_dim = num_heads, head_dim
        self.seq_pos = 0
        shape = (batch_size, num_heads, max_seq_len, head_dim)
        self.caches = [
            (Tensor(np.zeros(shape)), Tensor(np.zeros(shape))) for _ in range(num_layers)
        ]

    def update(self, layer_idx, key, value):
        if layer_idx >= self.num_layers:
            raise ValueError(f"Layer index {layer_idx} >= num_layers {self.num_layers}")
        if self.seq_pos >= self.max_seq_len:
            raise ValueError(f"Sequence position {self.seq_pos} >= {self.max_seq_len}")
        key_cache, value_cache = self.caches[layer_idx]
        key_cache.data[:, :, self.seq_pos : self.seq_pos + 1, :] = key.data
        value_cache.data[:, :, self.seq_pos : self.seq_pos + 1, :] = value.data

    def get(self, layer_idx):
        if layer_idx >= self.num_layers:
            raise ValueError(f"Layer index {layer_idx} >= num_layers {self.num_layers}")
        key_cache, value_cache = self.caches[layer_idx]
        n = self.seq_pos
        return Tensor(key_cache.data[:, :, :n, :]), Tensor(value_cache.data[:, :, :n, :])

    def advance(self):
        self.seq_pos += 1

    def reset(self):
        self.seq_pos = 0
        for key_cache, value_cache in self.caches:
            key_cache.data.fill(0.0)
            value_cache.data.fill(0.0)

    def get_memory_usage(self):
        elements = sum(t.data.size for pair in self.caches for t in pair)
        total = elements * 4 / (1024 * 1024)
        return {
            "total_mb": total,
            "per_layer_mb": total / self.num_layers,
            "cache_tensors": 2 * self.num_layers,
            "total_elements": elements,
        }


# %% [markdown]
# ## Own caching forward, put on the attention of the package's blocks
def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def enable_own_cache(model):
    """Every token goes through the cached path, one at a time."""
    heads, head_dim = model.num_heads, model.embed_dim // model.num_heads
    cache = KVCache(1, model.max_seq_len, model.num_layers, heads, head_dim)
    model._own_cache = cache
    for layer_idx, block in enumerate(model.blocks):
        block._original_attention_forward = block.attention.forward

        def cached_forward(x, mask=None, attention=block.attention, layer_idx=layer_idx):
            def split(projection):
                projected = projection.forward(x)
                return projected.reshape(1, 1, heads, head_dim).transpose(1, 2)

            q = split(attention.q_proj)
            cache.update(layer_idx, split(attention.k_proj), split(attention.v_proj))
            keys, values = cache.caches[layer_idx]
            n = cache.seq_pos + 1
            scores = np.matmul(q.data, np.swapaxes(keys.data[:, :, :n], -2, -1))
            weights = softmax(scores / np.sqrt(head_dim))
            out = Tensor(np.matmul(weights, values.data[:, :, :n]))
            return attention.out_proj.forward(out.transpose(1, 2).reshape(1, 1, -1))

        block.attention.forward = cached_forward
    return cache


def disable_own_cache(model):
    for block in model.blocks:
        block.attention.forward = block._original_attention_forward
    del model._own_cache


def feed_one_by_one(model, tokens, cache, forward):
    logits = []
    for position, token in enumerate(tokens):
        logits.append(forward(model, token, position).data[:, -1])
        cache.advance()
    return np.concatenate(logits)


def own_step(model, token, position):
    """The model's parts by hand, so that the position is the caller's."""
    x = model.token_embedding.forward(Tensor([[token]]))
    x = x + model.position_embedding.forward(Tensor([[position]]))
    for block in model.blocks:
        x = block.forward(x, None)
    return model.lm_head.forward(model.ln_f.forward(x))


def package_step(model, token, position):
    return model.forward(Tensor([[token]]))


def make_gpt():
    np.random.seed(4)
    return GPT(vocab_size=15, embed_dim=16, num_layers=2, num_heads=4, max_seq_len=12)


TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]


def test_cached_generation():
    model = make_gpt()
    full = model.forward(Tensor([TOKENS])).data[0]
    cache = enable_own_cache(model)
    own = feed_one_by_one(model, TOKENS, cache, own_step)
    assert np.allclose(own, full, atol=1e-4), "the student's cache"
    disable_own_cache(model)
    assert np.allclose(model.forward(Tensor([TOKENS])).data[0], full)
    kv = package.enable_kv_cache(model)
    assert model._kv_cache is kv
    assert model._cache_enabled is True
    theirs = feed_one_by_one(model, TOKENS, kv, package_step)
    assert np.allclose(theirs, full, atol=1e-4), "the package's cache"
    assert np.allclose(theirs, own, atol=1e-4)
    for layer in range(2):
        for a, b in zip(cache.get(layer), kv.get(layer), strict=True):
            assert np.allclose(a.data, b.data, atol=1e-5), "both hold the same keys and values"
    kv.reset()
    assert np.allclose(feed_one_by_one(model, TOKENS, kv, package_step), full, atol=1e-4)
    package.disable_kv_cache(model)
    assert not model._cache_enabled
    assert not hasattr(model, "_kv_cache")
    assert np.allclose(model.forward(Tensor([TOKENS])).data[0], full)


def fails(error_cls, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error_cls as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no {error_cls.__name__}")


def test_unit_kv_cache():
    sizes = (2, 5, 3, 4, 8)
    own, other = KVCache(*sizes), package.KVCache(*sizes)
    rng = np.random.default_rng(0)
    assert other.get(0)[0].shape == (2, 4, 0, 8)
    for _ in range(5):
        for layer in range(3):
            k, v = (Tensor(rng.normal(size=(2, 4, 1, 8))) for _ in range(2))
            own.update(layer, k, v)
            other.update(layer_idx=layer, key=k, value=v)
        own.advance()
        other.advance()
        for layer in range(3):
            for a, b in zip(own.get(layer), other.get(layer), strict=True):
                assert np.array_equal(a.data, b.data)
    assert own.get_memory_usage() == other.get_memory_usage()
    other.get(1)[0].data.fill(9)
    assert np.array_equal(other.get(1)[0].data, own.get(1)[0].data), "get() gives copies"
    for cache in (own, other):
        fails(ValueError, "Layer index", cache.get, 3)
        fails(ValueError, "Sequence position", cache.update, 0, k, v)
    other.reset()
    assert other.seq_pos == 0
    assert not any(np.any(t.data) for pair in other.caches for t in pair)
    fails(ValueError, "Layer index", other.update, 3, k, v)
    fails(ValueError, "", other.update, 0, Tensor(np.zeros((2, 4, 2, 8))), v)
    other.seq_pos = 2
    assert other.get(0)[0].shape == (2, 4, 2, 8)
    made = package.create_kv_cache(*sizes)
    assert isinstance(made, package.KVCache)
    assert isinstance(package.enable_kv_cache(*sizes), package.KVCache)


# %% [markdown]
# ## Mock models: any object with the attributes
class MockBlock:
    """Its attention is the block itself."""

    def __init__(self):
        self.attention = self
        self.seen = []

    def forward(self, x, mask=None):
        self.seen.append(x.shape)
        return x


class MockGPT:
    def __init__(self):
        self.vocab_size, self.embed_dim, self.num_layers = 10, 8, 2
        self.num_heads, self.max_seq_len = 2, 6
        self.blocks = [MockBlock() for _ in range(2)]


def test_mock_models():
    model = MockGPT()
    cache = package.enable_kv_cache(model)
    assert (cache.num_layers, cache.num_heads, cache.head_dim, cache.batch_size) == (2, 2, 4, 1)
    assert all(hasattr(block, "_original_attention_forward") for block in model.blocks)
    x = Tensor(np.ones((1, 4, 8)))
    assert np.array_equal(model.blocks[0].attention.forward(x).data, x.data)
    assert np.array_equal(model.blocks[0].attention.forward(x, None).data, x.data)
    again = package.enable_kv_cache(model)
    assert model._kv_cache is again
    package.disable_kv_cache(model)
    package.disable_kv_cache(model)
    assert model.blocks[0].forward(x) is x
    assert model.blocks[0].seen[-1] == (1, 4, 8)
    for name in ("embed_dim", "num_layers", "num_heads", "max_seq_len", "blocks"):
        broken = MockGPT()
        delattr(broken, name)
        fails(AttributeError, "Model missing", package.enable_kv_cache, broken)
    odd = MockGPT()
    odd.num_heads = 3
    fails(ValueError, "", package.enable_kv_cache, odd)


def test_profiled():
    model = make_gpt()
    latency = Profiler().measure_latency(model, Tensor([TOKENS]), warmup=1, iterations=3)
    assert latency > 0
    print(f"{len(TOKENS)} tokens: {latency:.3f} ms without a cache")


def test_module():
    test_unit_kv_cache()
    test_cached_generation()
    test_mock_models()
    test_profiled()
    print("module 17: all checks passed")


if __name__ == "__main__":
    test_module()
