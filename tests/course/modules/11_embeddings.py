"""Module 11: embeddings and positions in plain NumPy, on the package's Tensor and nodes."""

# %%
import math

import numpy as np

from tinytorch.core import embeddings as package
from tinytorch.core.autograd import EmbeddingBackward
from tinytorch.core.losses import MSELoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor


# %%
class Embedding:
    def __init__(self, vocab_size, embed_dim):
        self.vocab_size, self.embed_dim = vocab_size, embed_dim
        limit = math.sqrt(6.0 / (vocab_size + embed_dim))
        self.weight = Tensor(
            np.random.uniform(-limit, limit, (vocab_size, embed_dim)), requires_grad=True
        )

    def forward(self, indices):
        if np.any(indices.data >= self.vocab_size) or np.any(indices.data < 0):
            raise ValueError(f"Index out of range. Expected 0 <= indices < {self.vocab_size}")
        embedded = self.weight.data[indices.data.astype(int)]
        result = Tensor(embedded, requires_grad=self.weight.requires_grad)
        if result.requires_grad:
            result._grad_fn = EmbeddingBackward(self.weight, indices)
        return result

    def __call__(self, indices):
        return self.forward(indices)

    def parameters(self):
        return [self.weight]

    def __repr__(self):
        return f"Embedding(vocab_size={self.vocab_size}, embed_dim={self.embed_dim})"


class PositionalEncoding:
    def __init__(self, max_seq_len, embed_dim):
        self.max_seq_len, self.embed_dim = max_seq_len, embed_dim
        limit = math.sqrt(2.0 / embed_dim)
        self.position_embeddings = Tensor(
            np.random.uniform(-limit, limit, (max_seq_len, embed_dim)), requires_grad=True
        )

    def forward(self, x):
        if len(x.shape) != 3:
            raise ValueError(f"Expected 3D input (batch, seq, embed), got shape {x.shape}")
        _, seq_len, embed_dim = x.shape
        if seq_len > self.max_seq_len:
            raise ValueError(f"Sequence length {seq_len} exceeds maximum {self.max_seq_len}")
        if embed_dim != self.embed_dim:
            raise ValueError(f"Embedding dimension mismatch: {embed_dim} != {self.embed_dim}")
        rows = self.position_embeddings[:seq_len]
        # The lesson's own pattern: a batch axis in front, and the node of the slice on it.
        batched = Tensor(rows.data[np.newaxis, :, :], requires_grad=rows.requires_grad)
        if rows._grad_fn is not None:
            batched._grad_fn = rows._grad_fn
        return x + batched

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        return [self.position_embeddings]

    def __repr__(self):
        return f"PositionalEncoding(max_seq_len={self.max_seq_len}, embed_dim={self.embed_dim})"


def create_sinusoidal_embeddings(max_seq_len, embed_dim):
    position = np.arange(max_seq_len, dtype=np.float32)[:, np.newaxis]
    div_term = np.exp(
        np.arange(0, embed_dim, 2, dtype=np.float32) * -(math.log(10000.0) / embed_dim)
    )
    table = np.zeros((max_seq_len, embed_dim), dtype=np.float32)
    table[:, 0::2] = np.sin(position * div_term)
    odd = div_term[:-1] if embed_dim % 2 == 1 else div_term
    table[:, 1::2] = np.cos(position * odd)
    return Tensor(table)


class EmbeddingLayer:
    def __init__(
        self, vocab_size, embed_dim, max_seq_len=512, pos_encoding="learned", scale_embeddings=False
    ):
        self.embed_dim, self.scale_embeddings = embed_dim, scale_embeddings
        self.pos_encoding_type = pos_encoding
        self.token_embedding = Embedding(vocab_size, embed_dim)
        if pos_encoding == "learned":
            self.pos_encoding = PositionalEncoding(max_seq_len, embed_dim)
        elif pos_encoding == "sinusoidal":
            self.pos_encoding = create_sinusoidal_embeddings(max_seq_len, embed_dim)
        elif pos_encoding is None:
            self.pos_encoding = None
        else:
            raise ValueError(f"Unknown pos_encoding: {pos_encoding}")

    def forward(self, tokens):
        single = len(tokens.shape) == 1
        if single:
            tokens = Tensor(tokens.data[np.newaxis, :])
        out = self.token_embedding.forward(tokens)
        if self.scale_embeddings:
            out = out * math.sqrt(self.embed_dim)
        if self.pos_encoding_type == "learned":
            out = self.pos_encoding.forward(out)
        elif self.pos_encoding_type == "sinusoidal":
            out = out + Tensor(self.pos_encoding.data[: tokens.shape[1]][np.newaxis])
        return out[0] if single else out

    def __call__(self, tokens):
        return self.forward(tokens)

    def parameters(self):
        params = self.token_embedding.parameters()
        if self.pos_encoding_type == "learned":
            params = params + self.pos_encoding.parameters()
        return params


# %%
def seeded(make, seed=3):
    np.random.seed(seed)
    return make()


def gradients(layer, x):
    out = layer(x)
    seeds = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(seeds)
    grads = [p.grad.copy() for p in layer.parameters()]
    for p in layer.parameters():
        p.zero_grad()
    return out, grads


def same(own, other, x, tol=1e-5):
    (mine, my_grads), (theirs, their_grads) = gradients(own, x), gradients(other, x)
    assert theirs.shape == mine.shape
    assert np.allclose(mine.data, theirs.data, atol=tol)
    assert len(my_grads) == len(their_grads)
    for a, b in zip(my_grads, their_grads, strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, atol=1e-4)


def fails(call, text):
    try:
        call()
    except ValueError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no ValueError with {text!r}")


def test_unit_embedding():
    own, other = seeded(lambda: Embedding(10, 4)), seeded(lambda: package.Embedding(10, 4))
    assert np.array_equal(own.weight.data, other.weight.data)
    assert repr(own) == repr(other)
    for ids in ([1, 2, 2], [[0, 9], [3, 3]], np.zeros((2, 0)), 5, [[[1.9, 2.2]]]):
        same(own, other, Tensor(ids))
    out = other.forward(Tensor([[1, 2, 1]]))
    assert type(out._grad_fn).__name__ == "EmbeddingBackward"
    out.sum().backward()
    assert np.allclose(other.weight.grad[:, 0], [0, 2, 1, 0, 0, 0, 0, 0, 0, 0])
    for bad in ([10], [-1], [[0, 99]]):
        fails(lambda b=bad: other(Tensor(b)), "Index out of range")
    other.weight = Tensor(np.eye(10), requires_grad=True)
    assert np.array_equal(other(Tensor([3])).data, np.eye(10)[[3]])
    node = EmbeddingBackward(other.weight, Tensor([1, 1]))
    (grad,) = node.apply(np.ones((2, 10), np.float32))
    assert np.allclose(grad[1], 2)
    assert grad.sum() == 20


def test_unit_positions():
    own = seeded(lambda: PositionalEncoding(16, 6))
    other = seeded(lambda: package.PositionalEncoding(16, 6))
    assert np.array_equal(own.position_embeddings.data, other.position_embeddings.data)
    assert repr(own) == repr(other)
    for shape in ((1, 5, 6), (3, 16, 6), (2, 1, 6)):
        same(own, other, Tensor(np.random.randn(*shape), requires_grad=True))
    x = Tensor(np.zeros((2, 3, 6)), requires_grad=True)
    other(x).sum().backward()
    assert np.allclose(x.grad, 1)
    assert np.allclose(other.position_embeddings.grad[:3], 2)
    assert np.all(other.position_embeddings.grad[3:] == 0)
    fails(lambda: other(Tensor(np.zeros((3, 6)))), "Expected 3D input")
    fails(lambda: other(Tensor(np.zeros((1, 17, 6)))), "exceeds maximum")
    fails(lambda: other(Tensor(np.zeros((1, 3, 5)))), "Embedding dimension mismatch")


def test_unit_sinusoidal():
    for shape in ((512, 64), (10, 5), (1, 2), (7, 1)):
        own = create_sinusoidal_embeddings(*shape)
        other = package.create_sinusoidal_embeddings(*shape)
        assert isinstance(other, Tensor)
        assert other.shape == shape
        assert np.allclose(own.data, other.data, atol=2e-3)
    table = package.create_sinusoidal_embeddings(100, 16).data
    assert np.allclose(table[0, 0::2], 0)
    assert np.allclose(table[0, 1::2], 1)
    assert np.all(np.abs(table) <= 1)


def test_unit_embedding_layer():
    for encoding in ("learned", "sinusoidal", None):
        for scale in (False, True):
            args = (20, 8, 32, encoding, scale)
            own = seeded(lambda a=args: EmbeddingLayer(*a))
            other = seeded(lambda a=args: package.EmbeddingLayer(*a))
            assert other.pos_encoding_type == encoding
            for ids in ([1, 2, 3], [[4, 5], [6, 4]]):
                same(own, other, Tensor(ids))
    assert isinstance(package.EmbeddingLayer(4, 4, pos_encoding="sinusoidal").pos_encoding, Tensor)
    fails(lambda: package.EmbeddingLayer(4, 4, pos_encoding="fourier"), "Unknown pos_encoding")


# %% [markdown]
# ## Shared weights, swapped parts, training, a big table
def test_idioms():
    encoder, decoder = package.Embedding(6, 3), package.Embedding(6, 3)
    decoder.weight = encoder.weight
    (encoder(Tensor([0])) + decoder(Tensor([0]))).sum().backward()
    assert np.allclose(encoder.weight.grad[0], 2)
    layer = package.EmbeddingLayer(6, 3, 10)
    layer.token_embedding = seeded(lambda: Embedding(6, 3))  # the student's, inside ours
    layer.pos_encoding.forward = lambda x: x
    ids = Tensor([[1, 2]])
    assert np.array_equal(layer(ids).data, layer.token_embedding.weight.data[[[1, 2]]])
    assert layer.parameters()[0] is layer.token_embedding.weight
    big = package.Embedding(100_000, 128)
    assert big(Tensor([99_999, 0])).shape == (2, 128)
    print(f"table: {big.weight.data.nbytes / (1024 * 1024):.1f} MB")


def train(layer_cls):
    layer = seeded(lambda: layer_cls(5, 4, 8))
    target = Tensor(np.random.default_rng(0).normal(size=(2, 3, 4)))
    ids = Tensor([[0, 1, 2], [3, 3, 4]])
    optimizer = SGD(layer.parameters(), lr=2.0)
    losses = []
    for _ in range(40):
        loss = MSELoss()(layer(ids), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def test_training():
    own, other = train(EmbeddingLayer), train(package.EmbeddingLayer)
    assert np.allclose(own, other, rtol=1e-3, atol=1e-5)
    assert other[-1] < 0.05 * other[0]


def test_module():
    test_unit_embedding()
    test_unit_positions()
    test_unit_sinusoidal()
    test_unit_embedding_layer()
    test_idioms()
    test_training()
    print("module 11: all checks passed")


if __name__ == "__main__":
    test_module()
