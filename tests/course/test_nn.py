"""tinytorch.nn: modules in PyTorch's manner, functions, initialisers (contract 23.1, 26.2)."""

import numpy as np
import pytest
from gradient_check import check_gradients

from tinytorch import MSELoss, Tensor, nn
from tinytorch.nn import functional as F

RNG = np.random.default_rng(14)


def test_parameter():
    p = nn.Parameter(np.ones((2, 2)))
    assert isinstance(p, Tensor)
    assert p.requires_grad
    t = Tensor([1.0])
    assert nn.Parameter(t) is t
    assert t.requires_grad
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad


def test_a_module_in_pytorchs_manner():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.fc = nn.Linear(2 * 3 * 3, 2)
            self.gain = nn.Parameter([1.0])

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv(x)), 2)
            return self.fc(F.flatten(x)) * self.gain

    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "conv.weight",
        "conv.bias",
        "fc.weight",
        "fc.bias",
        "gain",
    ]
    y = net(Tensor(RNG.standard_normal((3, 1, 8, 8))))
    assert y.shape == (3, 2)
    MSELoss()(y, np.zeros((3, 2))).backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.eval() is net


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4)])
def test_batch_norm_1d(shape):
    norm = nn.BatchNorm1d(3)
    x = RNG.standard_normal(shape) * 4 + 2
    y = norm(Tensor(x)).data
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(y.mean(axis=axes), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(y.std(axis=axes), np.ones(3), atol=1e-3)
    np.testing.assert_allclose(norm.running_mean, 0.1 * x.mean(axis=axes), rtol=1e-4)
    assert len(norm.parameters()) == 2
    with pytest.raises(ValueError, match="2D or 3D"):
        norm(Tensor(np.ones(3)))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (F.relu, lambda a: np.maximum(a, 0)),
        (F.sigmoid, sigmoid),
        (F.tanh, np.tanh),
        (F.gelu, lambda a: a * sigmoid(1.702 * a)),
        (F.silu, lambda a: a * sigmoid(a)),
        (F.softplus, lambda a: np.log1p(np.exp(a))),
        (F.leaky_relu, lambda a: np.where(a > 0, a, 0.01 * a)),
        (F.elu, lambda a: np.where(a > 0, a, np.exp(a) - 1)),
        (
            lambda x: F.gelu(x, "tanh"),
            lambda a: 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3))),
        ),
        (lambda x: F.flatten(x, 0), np.ravel),
        (lambda x: F.mse_loss(x, np.ones((3, 4))), lambda a: np.mean((a - 1) ** 2)),
        (
            lambda x: F.rms_norm(x),
            lambda a: a / np.sqrt(np.mean(a**2, axis=-1, keepdims=True) + 1e-6),
        ),
    ],
)
def test_functions(function, formula):
    x = RNG.uniform(0.2, 2.0, (3, 4)) * RNG.choice([-1, 1], (3, 4))
    check_gradients(function, formula, x, tolerance=1e-3)


def test_gelu_forms():
    with pytest.raises(ValueError, match="approximate"):
        F.gelu(Tensor([1.0]), "other")
    assert F.gelu(Tensor([1.0]), "none").data[0] == pytest.approx(0.8413447, rel=1e-5)


def test_softmax_cross_entropy_and_pools():
    x = Tensor(RNG.standard_normal((3, 4)), requires_grad=True)
    np.testing.assert_allclose(F.softmax(x, dim=0).data.sum(0), np.ones(4), rtol=1e-5)
    np.testing.assert_allclose(np.exp(F.log_softmax(x).data).sum(-1), np.ones(3), rtol=1e-5)
    F.cross_entropy(x, [0, 1, 2]).backward()
    assert x.grad is not None
    image = Tensor(RNG.standard_normal((2, 3, 6, 6)), requires_grad=True)
    assert F.max_pool2d(image, 2).shape == (2, 3, 3, 3)
    assert F.avg_pool2d(image, (2, 3), stride=1, padding=1).shape == (2, 3, 7, 6)
    assert F.adaptive_avg_pool2d(image, 1).shape == (2, 3, 1, 1)
    assert F.adaptive_max_pool2d(image, (2, 3)).shape == (2, 3, 2, 3)


def test_other_functions_match_their_layers():
    x = Tensor(RNG.standard_normal((2, 3)))
    layer = nn.Linear(3, 4)
    np.testing.assert_array_equal(F.linear(x, layer.weight, layer.bias).data, layer(x).data)
    conv, image = nn.Conv2d(2, 3, 3), Tensor(RNG.standard_normal((1, 2, 5, 5)))
    np.testing.assert_array_equal(F.conv2d(image, conv.weight, conv.bias).data, conv(image).data)
    table = nn.Embedding(5, 2)
    np.testing.assert_array_equal(
        F.embedding(Tensor([1, 4]), table.weight).data, table(Tensor([1, 4])).data
    )
    norm = nn.LayerNorm(3)
    np.testing.assert_array_equal(F.layer_norm(x, norm.gamma, norm.beta).data, norm(x).data)
    q = Tensor(RNG.standard_normal((1, 2, 4, 3)))
    mask = np.tril(np.ones((4, 4)))
    np.testing.assert_allclose(
        F.scaled_dot_product_attention(q, q, q, mask).data,
        F.scaled_dot_product_attention(q, q, q, causal=True).data,
        rtol=1e-5,
    )
    p = Tensor([0.2, 0.7])
    logits = Tensor(np.log(p.data / (1 - p.data)))
    np.testing.assert_allclose(
        F.binary_cross_entropy(p, [0, 1]).data,
        F.binary_cross_entropy_with_logits(logits, [0, 1]).data,
        rtol=1e-5,
    )
    assert F.dropout(x, 0.5, training=False) is x


def test_large_convolutions_are_no_python_loops():
    import time

    conv = nn.Conv2d(64, 64, 3, padding=1)
    x = Tensor(RNG.standard_normal((8, 64, 32, 32)), requires_grad=True)
    start = time.perf_counter()
    conv(x).sum().backward()
    assert time.perf_counter() - start < 10
