"""Module 13: layer norm, blocks and a GPT of the student's, on the package's earlier modules."""

# %%
import numpy as np

from tinytorch.core import transformer as package
from tinytorch.core.activations import GELU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor


# %%
def create_causal_mask(seq_len):
    return Tensor(np.tril(np.ones((seq_len, seq_len), dtype=np.float32))[np.newaxis, :, :])


class LayerNorm:
    """Of the Tensor's own operations; the deviation is a constant, as in the lesson."""

    def __init__(self, normalized_shape, eps=1e-5):
        self.normalized_shape, self.eps = normalized_shape, eps
        self.gamma = Tensor(np.ones(normalized_shape), requires_grad=True)
        self.beta = Tensor(np.zeros(normalized_shape), requires_grad=True)

    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        diff = x - mean
        variance = (diff * diff).mean(axis=-1, keepdims=True)
        std = Tensor(np.sqrt(variance.data + self.eps), requires_grad=variance.requires_grad)
        return diff / std * self.gamma + self.beta

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        return [self.gamma, self.beta]


class MLP:
    def __init__(self, embed_dim, hidden_dim=None, dropout_prob=0.1):
        self.embed_dim = embed_dim
        self.hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.linear1, self.gelu = Linear(embed_dim, self.hidden_dim), GELU()
        self.linear2 = Linear(self.hidden_dim, embed_dim)

    def forward(self, x):
        return self.linear2.forward(self.gelu.forward(self.linear1.forward(x)))

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        return self.linear1.parameters() + self.linear2.parameters()


class TransformerBlock:
    def __init__(self, embed_dim, num_heads, mlp_ratio=4, dropout_prob=0.1):
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.ln1, self.ln2 = LayerNorm(embed_dim), LayerNorm(embed_dim)
        self.mlp = MLP(embed_dim, int(embed_dim * mlp_ratio))

    def forward(self, x, mask=None):
        x = x + self.attention.forward(self.ln1.forward(x), mask)
        return x + self.mlp.forward(self.ln2.forward(x))

    def __call__(self, x, mask=None):
        return self.forward(x, mask)

    def parameters(self):
        parts = (self.attention, self.ln1, self.ln2, self.mlp)
        return [p for part in parts for p in part.parameters()]


class GPT:
    def __init__(self, vocab_size, embed_dim, num_layers, num_heads, max_seq_len=1024):
        self.vocab_size, self.max_seq_len = vocab_size, max_seq_len
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = Embedding(max_seq_len, embed_dim)
        self.blocks = [TransformerBlock(embed_dim, num_heads) for _ in range(num_layers)]
        self.ln_f, self.lm_head = LayerNorm(embed_dim), Linear(embed_dim, vocab_size, bias=False)

    def forward(self, tokens):
        _, seq_len = tokens.shape
        positions = Tensor(np.arange(seq_len).reshape(1, seq_len))
        x = self.token_embedding.forward(tokens) + self.position_embedding.forward(positions)
        mask = create_causal_mask(seq_len)
        for block in self.blocks:
            x = block.forward(x, mask)
        return self.lm_head.forward(self.ln_f.forward(x))

    def __call__(self, tokens):
        return self.forward(tokens)

    def generate(self, prompt_tokens, max_new_tokens=50, temperature=1.0):
        current = Tensor(prompt_tokens.data.copy())
        for _ in range(max_new_tokens):
            last = self.forward(current).data[:, -1, :] / temperature
            e = np.exp(last - np.max(last, axis=-1, keepdims=True))
            probabilities = e / np.sum(e, axis=-1, keepdims=True)
            token = np.random.choice(self.vocab_size, p=probabilities[0].astype(np.float64)
                                     / probabilities[0].astype(np.float64).sum())  # fmt: skip
            current = Tensor(np.concatenate([current.data, [[token]]], axis=1))
        return current

    def parameters(self):
        parts = (self.token_embedding, self.position_embedding, *self.blocks, self.ln_f)
        return [p for part in parts for p in part.parameters()] + self.lm_head.parameters()


# %%
def both(name, *args, seed=5):
    made = []
    for source in (globals(), vars(package)):
        np.random.seed(seed)
        made.append(source[name](*args))
    for p, q in zip(made[0].parameters(), made[1].parameters(), strict=True):
        assert np.array_equal(p.data, q.data), "the same seed draws the same weights"
        assert q.requires_grad
    return made


def randn(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def test_unit_layer_norm():
    own, other = both("LayerNorm", 8)
    for layer in (own, other):
        layer.gamma.data[:] = np.linspace(0.5, 2, 8)
        layer.beta.data = np.linspace(-1, 1, 8)
    for shape in ((8,), (3, 8), (2, 3, 8)):
        assert np.allclose(own(randn(*shape)).data, other(randn(*shape)).data, atol=1e-5)
    x = randn(4, 8)
    (other(x) * Tensor(np.arange(8.0))).sum().backward()
    seeds = np.broadcast_to(np.arange(8.0), (4, 8))
    centred = x.data - x.data.mean(-1, keepdims=True)
    std = np.sqrt(x.data.var(-1, keepdims=True) + 1e-5)
    hat = centred / std
    g = seeds * np.linspace(0.5, 2, 8)
    expected = (g - g.mean(-1, keepdims=True) - hat * (g * hat).mean(-1, keepdims=True)) / std
    assert np.allclose(x.grad, expected, atol=1e-4), "mean and deviation have gradients too"
    assert np.allclose(other.gamma.grad, (seeds * hat).sum(0), atol=1e-4)
    assert np.allclose(other.beta.grad, seeds.sum(0), atol=1e-4)
    fresh = package.LayerNorm(16)(Tensor(np.random.randn(3, 5, 16) * 7 + 3))
    assert np.allclose(fresh.data.mean(axis=-1), 0, atol=1e-5)
    assert np.allclose(fresh.data.std(axis=-1), 1, atol=1e-4)
    assert package.LayerNorm(6, eps=1e-3).eps == 1e-3


def test_unit_mlp_and_block():
    for args in ((8,), (8, 12)):
        own, other = both("MLP", *args)
        assert (own.hidden_dim, own.embed_dim) == (other.hidden_dim, other.embed_dim)
        assert np.allclose(own(randn(2, 3, 8)).data, other(randn(2, 3, 8)).data, atol=1e-5)
    for args in ((8, 2), (8, 4, 2), (6, 1, 1.5)):
        own, other = both("TransformerBlock", *args)
        assert other.mlp.hidden_dim == own.mlp.hidden_dim
        assert len(other.parameters()) == 16
        for mask in (None, create_causal_mask(5), package.create_causal_mask(5)):
            x = randn(2, 5, args[0])
            assert np.allclose(own(x, mask).data, other(x, mask).data, atol=1e-4)
            assert np.allclose(own(x, mask).data, other.forward(x, mask=mask).data, atol=1e-4)
    mask = package.create_causal_mask(4)
    assert mask.shape == (1, 4, 4)
    assert np.array_equal(mask.data, create_causal_mask(4).data)


def test_unit_gpt():
    own, other = both("GPT", 20, 16, 2, 4, 32)
    assert len(other.parameters()) == 5 + 16 * 2
    assert isinstance(other.blocks, list)
    tokens = np.random.default_rng(0).integers(0, 20, (3, 7))
    mine, theirs = own(Tensor(tokens)), other(Tensor(tokens))
    assert theirs.shape == (3, 7, 20)
    assert np.allclose(mine.data, theirs.data, atol=1e-4)
    changed = tokens.copy()
    changed[:, 5:] = 0
    assert np.allclose(other(Tensor(changed)).data[:, :5], theirs.data[:, :5], atol=1e-5), "causal"
    for temperature in (1.0, 0.5):
        outputs = []
        for model in (own, other):
            np.random.seed(3)
            outputs.append(model.generate(Tensor([[1, 2]]), 6, temperature=temperature))
        assert outputs[1].shape == (1, 8)
        assert np.array_equal(outputs[0].data, outputs[1].data)
        assert np.array_equal(outputs[1].data, outputs[1].data.astype(int))
    try:
        other(Tensor(np.zeros((1, 33))))
    except ValueError:
        pass
    else:
        raise AssertionError("longer than max_seq_len")
    loss = (theirs * theirs).sum()
    loss.backward()
    assert all(np.abs(p.grad).max() > 1e-10 for p in other.parameters())


def next_token_losses(model, steps=25):
    sequence = np.array([[1, 2, 3, 4, 1, 2, 3, 4, 1]])
    x, y = Tensor(sequence[:, :-1]), Tensor(sequence[:, 1:].reshape(-1))
    optimizer, loss_fn = Adam(model.parameters(), lr=0.01), CrossEntropyLoss()
    losses = []
    for _ in range(steps):
        logits = model.forward(x)
        loss = loss_fn.forward(logits.reshape(-1, logits.shape[-1]), y)
        optimizer.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.grad = np.clip(p.grad, -1.0, 1.0)
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def test_training():
    own, other = both("GPT", 6, 16, 1, 2, 16)
    mine, theirs = next_token_losses(own), next_token_losses(other)
    assert abs(mine[0] - theirs[0]) < 1e-4
    assert theirs[-1] < 0.2 * theirs[0], theirs
    assert mine[-1] < 0.2 * mine[0], mine
    np.random.seed(0)
    text = other.generate(Tensor([[1, 2]]), max_new_tokens=4, temperature=0.05).data[0]
    assert list(text) == [1, 2, 3, 4, 1, 2]


# %% [markdown]
# ## Own parts in our GPT, our parts in the own one
def test_parts_are_exchangeable():
    own, other = both("GPT", 12, 8, 2, 2, 16)
    tokens = Tensor([[1, 5, 7, 2]])
    expected = other(tokens).data
    own.blocks[0], other.blocks[0] = other.blocks[0], own.blocks[0]
    own.ln_f, other.ln_f = other.ln_f, own.ln_f
    assert np.allclose(own(tokens).data, expected, atol=1e-4)
    assert np.allclose(other(tokens).data, expected, atol=1e-4)
    assert len(other.parameters()) == 5 + 16 * 2
    calls = []
    block = other.blocks[1]
    block._original_attention_forward = block.attention.forward

    def counting(x, mask=None):
        calls.append(mask.shape)
        return block._original_attention_forward(x, mask)

    block.attention.forward = counting
    assert np.allclose(other(tokens).data, expected, atol=1e-4)
    assert len(calls) == 1
    other.lm_head.weight = Tensor(np.zeros((8, 12)), requires_grad=True)
    assert not np.any(other(tokens).data)
    other.blocks = []
    assert other(tokens).shape == (1, 4, 12)


def test_additive_masks_do_not_break_attention():
    attention = MultiHeadAttention(8, 2)
    mask = Tensor(np.triu(np.full((4, 4), -np.inf), k=1))
    x = randn(2, 4, 8)
    out = attention.forward(x, mask)
    assert not np.any(np.isnan(out.data))
    assert np.allclose(out.data, attention.forward(x, create_causal_mask(4)).data, atol=1e-5)


def test_module():
    test_unit_layer_norm()
    test_unit_mlp_and_block()
    test_unit_gpt()
    test_training()
    test_parts_are_exchangeable()
    test_additive_masks_do_not_break_attention()
    print("module 13: all checks passed")


if __name__ == "__main__":
    test_module()
