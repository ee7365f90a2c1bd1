"""Module 12: attention of the package's Tensor operations and Linear layers, and as plain loops."""

# %%
import numpy as np

from tinytorch.core import attention as package
from tinytorch.core.activations import Softmax
from tinytorch.core.layers import Linear
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor

MASK_VALUE = -1e9


# %%
def scaled_dot_product_attention(Q, K, V, mask=None):
    d_model = Q.shape[-1]
    scores = Q.matmul(K.transpose(-2, -1))
    scores = scores * (1.0 / np.sqrt(d_model))
    if mask is not None:
        mask_data = mask.data
        adder_mask = (1.0 - mask_data) * MASK_VALUE
        scores = scores + Tensor(adder_mask, requires_grad=False)
    attention_weights = Softmax()(scores, dim=-1)
    return attention_weights.matmul(V), attention_weights


def attention_loops(Q, K, V, mask=None):
    """Plain arrays of two axes, one score at a time."""
    output = np.zeros((len(Q), V.shape[1]))
    weights = np.zeros((len(Q), len(K)))
    for i in range(len(Q)):
        scores = [float(Q[i] @ K[j]) / np.sqrt(Q.shape[1]) for j in range(len(K))]
        if mask is not None:
            scores = [s if mask[i, j] else MASK_VALUE for j, s in enumerate(scores)]
        e = np.exp(np.array(scores) - max(scores))
        weights[i] = e / e.sum()
        for j in range(len(K)):
            output[i] += weights[i, j] * V[j]
    return output, weights


class MultiHeadAttention:
    def __init__(self, embed_dim, num_heads):
        if embed_dim % num_heads != 0:
            raise ValueError(f"embed_dim ({embed_dim}) must be divisible by num_heads")
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.head_dim = embed_dim // num_heads
        self.q_proj = Linear(embed_dim, embed_dim)
        self.k_proj = Linear(embed_dim, embed_dim)
        self.v_proj = Linear(embed_dim, embed_dim)
        self.out_proj = Linear(embed_dim, embed_dim)

    def split(self, x):
        batch, seq, _ = x.shape
        return x.reshape(batch, seq, self.num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x, mask=None):
        batch, seq, embed_dim = x.shape
        if embed_dim != self.embed_dim:
            raise ValueError(f"Input dimension mismatch: {self.embed_dim} and {embed_dim}")
        heads = [self.split(p.forward(x)) for p in (self.q_proj, self.k_proj, self.v_proj)]
        if mask is not None and len(mask.shape) == 3:
            mask = Tensor(mask.data.reshape(mask.shape[0], 1, *mask.shape[1:]))
        attended, _ = scaled_dot_product_attention(*heads, mask=mask)
        concat = attended.transpose(1, 2).reshape(batch, seq, self.embed_dim)
        return self.out_proj.forward(concat)

    def __call__(self, x, mask=None):
        return self.forward(x, mask)

    def parameters(self):
        parts = (self.q_proj, self.k_proj, self.v_proj, self.out_proj)
        return [p for part in parts for p in part.parameters()]


# %%
def tensors(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]


def causal(n, *lead):
    return Tensor(np.broadcast_to(np.tril(np.ones((n, n))), (*lead, n, n)))


def test_unit_scaled_dot_product_attention():
    for shape, masks in (
        [(4, 8), (None, causal(4))],
        [(2, 5, 4), (None, causal(5), causal(5, 1), causal(5, 2))],
        [(2, 3, 6, 4), (None, causal(6), causal(6, 1, 1), causal(6, 2, 3))],
    ):
        for mask in masks:
            results = []
            for function in (scaled_dot_product_attention, package.scaled_dot_product_attention):
                q, k, v = tensors(shape, shape, shape)
                out, weights = function(q, k, v, mask=mask)
                assert isinstance(out, Tensor)
                assert isinstance(weights, Tensor)
                assert np.allclose(weights.data.sum(axis=-1), 1.0, atol=1e-5)
                (out * out).sum().backward()
                results.append([out.data, weights.data, q.grad, k.grad, v.grad])
            for a, b in zip(*results, strict=True):
                assert np.allclose(a, b, atol=1e-4)
            if mask is not None:
                assert np.all(weights.data[..., np.triu_indices(shape[-2], 1)[0],
                                           np.triu_indices(shape[-2], 1)[1]] < 1e-6)  # fmt: skip


def test_against_loops():
    for queries, keys in ((3, 3), (2, 7)):
        q, k, v = tensors((queries, 4), (keys, 4), (keys, 5))
        out, weights = package.scaled_dot_product_attention(q, k, v)
        expected, expected_weights = attention_loops(q.data, k.data, v.data)
        assert np.allclose(out.data, expected, atol=1e-5)
        assert np.allclose(weights.data, expected_weights, atol=1e-6)
    mask = np.random.default_rng(0).random((3, 6)) < 0.6
    mask[:, 0] = True
    q, k, v = tensors((3, 4), (6, 4), (6, 4))
    for kind in (Tensor(mask), Tensor(mask.astype(int)), Tensor(np.where(mask, 0.0, -1e9)),
                 Tensor(np.where(mask, 0.0, -np.inf))):  # fmt: skip
        out, _ = package.scaled_dot_product_attention(q, k, v, kind)
        assert np.allclose(out.data, attention_loops(q.data, k.data, v.data, mask)[0], atol=1e-5)
    for shapes in (((3, 4), (3, 5), (3, 5)), ((3, 4), (3, 4), (2, 4))):
        try:
            package.scaled_dot_product_attention(*tensors(*shapes))
        except ValueError:
            continue
        raise AssertionError("shapes that do not fit")


def pair(embed_dim, heads):
    made = []
    for cls in (MultiHeadAttention, package.MultiHeadAttention):
        np.random.seed(8)
        made.append(cls(embed_dim, heads))
    return made


def test_unit_multi_head_attention():
    for embed_dim, heads in ((8, 1), (8, 2), (12, 4), (8, 8)):
        own, other = pair(embed_dim, heads)
        assert other.head_dim == own.head_dim
        assert len(other.parameters()) == 8
        for p, q in zip(own.parameters(), other.parameters(), strict=True):
            assert np.array_equal(p.data, q.data)
        for mask in (None, causal(5), causal(5, 1), causal(5, 3), causal(5, 3, heads)):
            results = []
            for attention in (own, other):
                (x,) = tensors((3, 5, embed_dim))
                out = attention(x, mask=mask)
                assert out.shape == (3, 5, embed_dim)
                (out * out).sum().backward()
                results.append([out.data, x.grad, *(p.grad for p in attention.parameters())])
                for p in attention.parameters():
                    assert np.abs(p.grad).max() > 1e-10
                    p.grad = None
            for a, b in zip(*results, strict=True):
                assert np.allclose(a, b, atol=1e-3, rtol=1e-3)
    for call, text in (
        (lambda: package.MultiHeadAttention(10, 3), "must be divisible by num_heads"),
        (lambda: other(Tensor(np.zeros((1, 2, 5)))), "Input dimension mismatch"),
    ):
        try:
            call()
        except ValueError as error:
            assert text in str(error)
        else:
            raise AssertionError(text)


# %% [markdown]
# ## Swapping parts and methods
def test_idioms():
    own, other = pair(8, 2)
    (x,) = tensors((2, 4, 8))
    for p, q in zip(own.parameters(), other.parameters(), strict=True):
        q.data = (p.data * 0.5).astype(np.float64)
        p.data *= 0.5
    assert np.allclose(own(x).data, other(x).data, atol=1e-5)
    seen = []
    original = other.forward

    def spy(x, mask=None):
        seen.append(x.shape)
        return original(x, mask)

    other.forward = spy
    other(x)
    assert seen == [(2, 4, 8)], "a method put on the instance is called"
    del other.forward
    other.v_proj.forward = lambda x: Tensor(np.zeros(x.shape))
    other.out_proj.bias.data = np.arange(8.0)
    assert np.allclose(other(x).data, np.arange(8.0))
    own.q_proj = other.q_proj
    assert own.parameters()[0] is other.parameters()[0]

    class Named(package.MultiHeadAttention):
        def forward(self, x, mask=None):
            return super().forward(x, mask) + x

    named = Named(8, 2)
    assert named(x).shape == x.shape
    assert len(named.parameters()) == 8


def retrieve(cls, steps=60):
    """Each position learns to copy the first one's class."""
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(8, 3, 4)))
    target = Tensor(np.repeat(x.data[:, :1], 3, axis=1))
    np.random.seed(2)
    attention = cls(4, 2)
    optimizer = Adam(attention.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        diff = attention(x) - target
        loss = (diff * diff).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def test_training():
    own, other = retrieve(MultiHeadAttention), retrieve(package.MultiHeadAttention)
    assert np.allclose(own[:20], other[:20], rtol=1e-3)
    assert other[-1] < 0.6 * other[0]


def test_module():
    test_unit_scaled_dot_product_attention()
    test_against_loops()
    test_unit_multi_head_attention()
    test_idioms()
    test_training()
    for n in (16, 64, 256):
        print(f"{n:4d} positions: {n * n * 4 / 1024:.0f} KB of weights for one head")
    print("module 12: all checks passed")


if __name__ == "__main__":
    test_module()
