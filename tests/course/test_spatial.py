"""Convolution, pooling, batch normalisation, SimpleCNN (contract 11)."""

import numpy as np
import pytest
from gradient_check import check_gradients

from tinytorch import AvgPool2d, Conv2d, MaxPool2d, Tensor
from tinytorch.core.spatial import BatchNorm2d, SimpleCNN

RNG = np.random.default_rng(8)


def windows(x, kernel, stride, padding, fill):
    """All windows (N, C, out height, out width, kernel height, kernel width)."""
    pad = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    x = np.pad(x, pad, constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1]]


def convolve(x, w, b, stride, padding):
    view = windows(x, w.shape[2:], stride, padding, 0.0)
    return np.einsum("nchwij,ocij->nohw", view, w) + b[:, None, None]


def test_attributes():
    conv = Conv2d(3, 8, 3, stride=2, padding=1)
    assert conv.kernel_size == (3, 3)
    assert (conv.in_channels, conv.out_channels, conv.stride, conv.padding) == (3, 8, 2, 1)
    assert conv.weight.shape == (8, 3, 3, 3)
    assert conv.bias.shape == (8,)
    assert conv.weight.requires_grad
    assert conv.weights is conv.weight
    assert [id(p) for p in conv.parameters()] == [id(conv.weight), id(conv.bias)]
    assert Conv2d(1, 1, (2, 3)).weight.shape == (1, 1, 2, 3)
    assert Conv2d(1, 1, 3, bias=False).parameters()[0].shape == (1, 1, 3, 3)
    assert Conv2d(1, 1, 3, bias=False).bias is None


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [
        ((2, 2, 5, 6), 3, 1, 0),
        ((1, 2, 5, 6), 3, 1, 1),
        ((1, 2, 7, 6), (2, 3), 2, 0),
        ((1, 2, 4, 4), 1, 1, 0),
        ((1, 2, 6, 5), 3, (2, 1), (0, 2)),
        ((1, 2, 3, 3), 3, 1, 0),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_convolution(shape, kernel, stride, padding, bias):
    conv = Conv2d(2, 3, kernel, stride, padding, bias)
    pairs = [v if isinstance(v, tuple) else (v, v) for v in (stride, padding)]

    def run(x, w, b):
        conv.weight, conv.bias = w, b if bias else None
        y = conv(x)
        return y if bias else y + b.reshape(3, 1, 1)

    arrays = (
        RNG.standard_normal(shape),
        RNG.standard_normal(conv.weight.shape),
        RNG.standard_normal(3),
    )
    check_gradients(run, lambda x, w, b: convolve(x, w, b, *pairs), *arrays, tolerance=1e-3)


def test_convolution_node_and_flags():
    x = Tensor(np.ones((1, 1, 3, 3)))
    conv = Conv2d(1, 1, 3)
    assert type(conv(x)._grad_fn).__name__ == "Conv2dBackward"
    assert conv(x).requires_grad
    conv.weight.requires_grad = conv.bias.requires_grad = False
    assert not conv(x).requires_grad
    x.requires_grad = True
    assert conv(x).requires_grad


def test_output_of_size_zero():
    assert Conv2d(1, 2, 3)(Tensor(np.ones((0, 1, 5, 5)))).shape == (0, 2, 3, 3)


@pytest.mark.parametrize("layer", [Conv2d(1, 1, 3), MaxPool2d(2), AvgPool2d(2), BatchNorm2d(1)])
@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (1, 1, 1, 4, 4)])
def test_input_must_be_4d(layer, shape):
    with pytest.raises(ValueError, match="Expected 4D input"):
        layer(Tensor(np.ones(shape)))


def test_wrong_channels():
    with pytest.raises(ValueError, match="channels"):
        Conv2d(3, 1, 3)(Tensor(np.ones((1, 2, 4, 4))))
    with pytest.raises(ValueError, match="channels"):
        BatchNorm2d(3)(Tensor(np.ones((1, 2, 4, 4))))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), ((2, 3), 1, 0), (3, 1, 1)]
)
def test_pooling(kernel, stride, padding):
    x = RNG.permutation(np.arange(2 * 2 * 7 * 6, dtype=float)).reshape(2, 2, 7, 6) / 10
    for cls, fill, reduce in ((MaxPool2d, -np.inf, np.max), (AvgPool2d, 0.0, np.mean)):
        pool = cls(kernel, stride, padding)
        steps = (pool.stride,) * 2
        check_gradients(
            pool,
            lambda a, p=pool, s=steps, f=fill, r=reduce: r(
                windows(a, p.kernel_size, s, (p.padding,) * 2, f), axis=(-1, -2)
            ),
            x,
        )
        assert pool.parameters() == []


def test_pooling_attributes():
    pool = MaxPool2d(2)
    assert (pool.kernel_size, pool.stride, pool.padding) == ((2, 2), 2, 0)
    assert MaxPool2d((3, 2)).stride == 3
    assert AvgPool2d(2, stride=1, padding=1).stride == 1
    x = Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    assert type(MaxPool2d(2)(x)._grad_fn).__name__ == "MaxPool2dBackward"


def test_ties_send_the_gradient_to_the_first_maximum():
    x = Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    MaxPool2d(2)(x).sum().backward()
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad[0, 0], expected)


def test_batch_norm_attributes():
    norm = BatchNorm2d(3)
    assert (norm.num_features, norm.eps, norm.momentum, norm.training) == (3, 1e-5, 0.1, True)
    np.testing.assert_array_equal(norm.gamma.data, np.ones(3))
    np.testing.assert_array_equal(norm.beta.data, np.zeros(3))
    np.testing.assert_array_equal(norm.running_mean, np.zeros(3))
    np.testing.assert_array_equal(norm.running_var, np.ones(3))
    assert norm.eval() is norm
    assert norm.training is False
    assert norm.train() is norm
    assert norm.training is True
    assert [id(p) for p in norm.parameters()] == [id(norm.gamma), id(norm.beta)]


def test_batch_norm_in_training():
    norm = BatchNorm2d(2, momentum=0.3)
    x = RNG.standard_normal((4, 2, 3, 3)) * 3 + 5
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    saved = norm.running_mean
    y = norm(Tensor(x))
    assert y.requires_grad
    np.testing.assert_allclose(y.data.mean(axis=(0, 2, 3)), [0, 0], atol=1e-5)
    np.testing.assert_allclose(y.data.var(axis=(0, 2, 3)), [1, 1], atol=1e-3)
    np.testing.assert_allclose(norm.running_mean, 0.3 * mean, rtol=1e-4)
    np.testing.assert_allclose(norm.running_var, 0.7 + 0.3 * var, rtol=1e-4)
    np.testing.assert_array_equal(saved, [0, 0])
    assert isinstance(norm.running_mean, np.ndarray)


def test_batch_norm_in_evaluation():
    norm = BatchNorm2d(2).eval()
    norm.running_mean, norm.running_var = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    x = RNG.standard_normal((2, 2, 3, 3))
    y = norm(Tensor(x))
    expected = (x - norm.running_mean[:, None, None]) / np.sqrt(
        norm.running_var[:, None, None] + 1e-5
    )
    np.testing.assert_allclose(y.data, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(norm.running_mean, [1, 2])


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_gradients(training):
    norm = BatchNorm2d(2)
    norm.running_mean, norm.running_var = np.array([0.5, -0.5]), np.array([2.0, 0.5])
    mean0, var0 = norm.running_mean, norm.running_var
    norm.train() if training else norm.eval()

    def run(x, gamma, beta):
        norm.gamma, norm.beta = gamma, beta
        norm.running_mean, norm.running_var = mean0, var0
        return norm(x)

    def formula(x, gamma, beta):
        mean = x.mean(axis=(0, 2, 3)) if training else mean0
        var = x.var(axis=(0, 2, 3)) if training else var0
        columns = [v[:, None, None] for v in (mean, var, gamma, beta)]
        return columns[2] * (x - columns[0]) / np.sqrt(columns[1] + 1e-5) + columns[3]

    arrays = RNG.standard_normal((3, 2, 2, 2)), RNG.uniform(0.5, 1.5, 2), RNG.standard_normal(2)
    check_gradients(run, formula, *arrays, tolerance=2e-3)


def test_simple_cnn():
    model = SimpleCNN(num_classes=5)
    assert (model.num_classes, model.flattened_size) == (5, 2048)
    x = Tensor(RNG.standard_normal((2, 3, 32, 32)))
    assert model(x).shape == (2, 2048)
    assert model(Tensor(RNG.standard_normal((1, 3, 8, 8)))).shape == (1, 128)
    parameters = model.parameters()
    assert [p.shape for p in parameters] == [(16, 3, 3, 3), (16,), (32, 16, 3, 3), (32,)]
    model(x).sum().backward()
    assert all(np.abs(p.grad).max() > 0 for p in parameters)
    np.testing.assert_array_equal(model.relu(Tensor([-1.0, 2.0])).data, [0, 2])
    model.conv2.forward = lambda x: Tensor(np.zeros((x.shape[0], 32, *x.shape[2:])))
    np.testing.assert_array_equal(model(x).data, np.zeros((2, 2048)))
