"""Module 09: convolution and pooling with seven loops and own nodes, on the package's engine."""

# %%
import numpy as np

from tinytorch.core import spatial as package
from tinytorch.core.activations import ReLU
from tinytorch.core.autograd import Function
from tinytorch.core.layers import Linear
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor


# %%
class Conv2dBackward(Function):
    def __init__(self, x, weight, bias, stride, padding, kernel_size, padded_shape):
        if bias is not None:
            super().__init__(x, weight, bias)
        else:
            super().__init__(x, weight)
        self.x, self.weight, self.bias = x, weight, bias
        self.stride, self.padding, self.kernel_size = stride, padding, kernel_size
        self.padded_shape = padded_shape

    def apply(self, grad_output):
        batch, out_channels, out_h, out_w = grad_output.shape
        p, s = self.padding, self.stride
        kernel_h, kernel_w = self.kernel_size
        padded = np.pad(self.x.data, ((0, 0), (0, 0), (p, p), (p, p)))
        grad_padded = np.zeros(self.padded_shape)
        grad_weight = np.zeros_like(self.weight.data)
        for b in range(batch):
            for c in range(out_channels):
                for i in range(out_h):
                    for j in range(out_w):
                        g = grad_output[b, c, i, j]
                        rows = slice(i * s, i * s + kernel_h)
                        cols = slice(j * s, j * s + kernel_w)
                        grad_weight[c] += padded[b, :, rows, cols] * g
                        grad_padded[b, :, rows, cols] += self.weight.data[c] * g
        height, width = grad_padded.shape[2:]
        grad_x = grad_padded[:, :, p : height - p, p : width - p]
        grad_bias = None if self.bias is None else grad_output.sum(axis=(0, 2, 3))
        return grad_x, grad_weight, grad_bias


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = (
            (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        )
        self.stride, self.padding = stride, padding
        kernel_h, kernel_w = self.kernel_size
        std = np.sqrt(2.0 / (in_channels * kernel_h * kernel_w))
        shape = (out_channels, in_channels, kernel_h, kernel_w)
        self.weight = Tensor(np.random.normal(0, std, shape), requires_grad=True)
        self.bias = Tensor(np.zeros(out_channels), requires_grad=True) if bias else None

    def forward(self, x):
        if len(x.shape) != 4:
            raise ValueError(f"Expected 4D input (batch, channels, height, width), got {x.shape}")
        batch, _, in_h, in_w = x.shape
        kernel_h, kernel_w = self.kernel_size
        p, s = self.padding, self.stride
        out_h, out_w = (in_h + 2 * p - kernel_h) // s + 1, (in_w + 2 * p - kernel_w) // s + 1
        padded = np.pad(x.data, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=0)
        output = np.zeros((batch, self.out_channels, out_h, out_w))
        for b in range(batch):
            for c in range(self.out_channels):
                for i in range(out_h):
                    for j in range(out_w):
                        window = padded[b, :, i * s : i * s + kernel_h, j * s : j * s + kernel_w]
                        output[b, c, i, j] = np.sum(window * self.weight.data[c])
        if self.bias is not None:
            output += self.bias.data.reshape(1, -1, 1, 1)
        result = Tensor(output, requires_grad=x.requires_grad or self.weight.requires_grad)
        if result.requires_grad:
            result._grad_fn = Conv2dBackward(
                x, self.weight, self.bias, s, p, self.kernel_size, padded.shape
            )
        return result

    def parameters(self):
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def __call__(self, x):
        return self.forward(x)


class MaxPool2dBackward(Function):
    def __init__(self, x, output_shape, kernel_size, stride, padding):
        super().__init__(x)
        self.output_shape, self.kernel_size = output_shape, kernel_size
        self.stride, self.padding = stride, padding

    def apply(self, grad_output):
        (x,) = self.saved_tensors
        p, s = self.padding, self.stride
        pads = ((0, 0), (0, 0), (p, p), (p, p))
        padded = np.pad(x.data, pads, constant_values=-np.inf)
        grad_padded = np.zeros_like(padded)
        for b, c, i, j in np.ndindex(*self.output_shape):
            rows, cols = i * s, j * s
            window = padded[
                b, c, rows : rows + self.kernel_size[0], cols : cols + self.kernel_size[1]
            ]
            di, dj = np.unravel_index(np.argmax(window), window.shape)
            grad_padded[b, c, rows + di, cols + dj] += grad_output[b, c, i, j]
        height, width = grad_padded.shape[2:]
        return (grad_padded[:, :, p : height - p, p : width - p],)


class Pool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = (
            (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        )
        self.stride = self.kernel_size[0] if stride is None else stride
        self.padding = padding

    def reduce_windows(self, x, reduce, fill):
        if len(x.shape) != 4:
            raise ValueError(f"Expected 4D input, got {x.shape}")
        p, s = self.padding, self.stride
        padded = np.pad(x.data, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=fill)
        out_h = (padded.shape[2] - self.kernel_size[0]) // s + 1
        out_w = (padded.shape[3] - self.kernel_size[1]) // s + 1
        output = np.zeros((*x.shape[:2], out_h, out_w))
        for i in range(out_h):
            for j in range(out_w):
                window = padded[
                    :, :, i * s : i * s + self.kernel_size[0], j * s : j * s + self.kernel_size[1]
                ]
                output[:, :, i, j] = reduce(window, axis=(2, 3))
        return output

    def parameters(self):
        return []

    def __call__(self, x):
        return self.forward(x)


class MaxPool2d(Pool2d):
    def forward(self, x):
        output = self.reduce_windows(x, np.max, -np.inf)
        result = Tensor(output, requires_grad=x.requires_grad)
        if x.requires_grad:
            result._grad_fn = MaxPool2dBackward(
                x, output.shape, self.kernel_size, self.stride, self.padding
            )
        return result


class AvgPool2d(Pool2d):
    def forward(self, x):
        return Tensor(self.reduce_windows(x, np.mean, 0.0))


class BatchNorm2d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.gamma = Tensor(np.ones(num_features), requires_grad=True)
        self.beta = Tensor(np.zeros(num_features), requires_grad=True)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True
        return self

    def eval(self):
        self.training = False
        return self

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.data.mean(axis=(0, 2, 3)), x.data.var(axis=(0, 2, 3))
            keep = 1 - self.momentum
            self.running_mean = keep * self.running_mean + self.momentum * mean
            self.running_var = keep * self.running_var + self.momentum * var
        shape = (1, -1, 1, 1)
        normalised = (x.data - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + self.eps)
        scaled = self.gamma.data.reshape(shape) * normalised + self.beta.data.reshape(shape)
        return Tensor(scaled, requires_grad=x.requires_grad)

    def __call__(self, x):
        return self.forward(x)


# %%
def images(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def run(layer, *shape, seed=0):
    """Output, gradient of the input and of the parameters."""
    x = images(*shape, seed=seed)
    out = layer(x)
    seeds = np.random.default_rng(1).normal(size=out.shape).astype(np.float32)
    out.backward(seeds)
    return out, [x.grad, *(p.grad for p in layer.parameters())]


def same(own, other, *shape, gradients=True):
    mine, my_grads = run(own, *shape)
    theirs, their_grads = run(other, *shape)
    assert theirs.shape == mine.shape
    assert np.allclose(theirs.data, mine.data, atol=1e-4)
    if gradients:
        assert type(theirs._grad_fn).__name__ == type(mine._grad_fn).__name__
        for a, b in zip(my_grads, their_grads, strict=True):
            assert np.allclose(a, b, atol=1e-3), (own, shape)


def test_unit_conv2d():
    for args, shape in (
        [(1, 2, 3), (2, 1, 6, 6)],
        [(3, 4, 3, 1, 1), (2, 3, 5, 7)],
        [(2, 3, (2, 3), 2), (1, 2, 6, 9)],
        [(2, 2, 1), (1, 2, 3, 3)],
        [(3, 2, 5, 2, 2), (2, 3, 8, 8)],
        [(2, 3, 3, 1, 1, False), (1, 2, 4, 4)],
    ):
        np.random.seed(4)
        own = Conv2d(*args)
        np.random.seed(4)
        other = package.Conv2d(*args)
        assert np.array_equal(own.weight.data, other.weight.data)
        assert own.kernel_size == other.kernel_size
        if own.bias is not None:
            own.bias.data = other.bias.data = np.arange(args[1]) + 0.5
        same(own, other, *shape)
    conv = package.Conv2d(3, 8, kernel_size=3)
    for bad in ((3, 8, 8), (8,), (1, 1, 3, 8, 8)):
        for cls in (conv, Conv2d(3, 8, 3)):
            try:
                cls(Tensor(np.zeros(bad)))
            except ValueError as error:
                assert "Expected 4D input" in str(error)
            else:
                raise AssertionError(bad)
    assert conv(Tensor(np.zeros((1, 3, 2, 8)))).shape == (1, 8, 0, 6)
    conv.weight = Tensor(np.ones((8, 3, 3, 3)), requires_grad=True)
    conv.bias = None
    assert np.allclose(conv(Tensor(np.ones((1, 3, 3, 3)))).data, 27)
    sobel = package.Conv2d(1, 1, 3, bias=False)
    sobel.weight.data[0, 0] = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    edge = np.zeros((1, 1, 5, 6))
    edge[..., 3:] = 1
    assert np.array_equal(sobel(Tensor(edge)).data[0, 0, 0], [0, 4, 4, 0])


def test_unit_pooling():
    for args, shape in (
        [(2,), (2, 3, 6, 6)], [(3, 1), (1, 2, 5, 5)], [(2, 2, 1), (1, 1, 4, 4)],
        [((2, 3), 2), (1, 2, 6, 7)], [(3, 2, 1), (2, 2, 7, 7)],
    ):  # fmt: skip
        same(MaxPool2d(*args), package.MaxPool2d(*args), *shape)
        same(AvgPool2d(*args), package.AvgPool2d(*args), *shape, gradients=False)
        for cls in (package.MaxPool2d, package.AvgPool2d):
            assert vars(Pool2d(*args)).items() <= vars(cls(*args)).items()
            assert cls(*args).parameters() == []
    ties = Tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)
    package.MaxPool2d(2)(ties).sum().backward()
    assert np.array_equal(ties.grad, [[[[1, 0], [0, 0]]]]), "the first maximum gets the gradient"
    x = images(1, 1, 4, 4)
    package.AvgPool2d(2)(x).sum().backward()
    assert np.allclose(x.grad, 0.25)


def test_unit_batch_norm():
    own, other = BatchNorm2d(3), package.BatchNorm2d(3)
    for layer in (own, other):
        layer.gamma.data[:] = [1, 2, 0.5]
        layer.beta.data = np.array([0.0, 1, -1])
    for step in range(3):
        x = images(4, 3, 5, 5, seed=step)
        before = other.running_mean
        assert np.allclose(own(x).data, other(x).data, atol=1e-4)
        assert other.running_mean is not before
    assert np.allclose(own.running_mean, other.running_mean, atol=1e-5)
    assert np.allclose(own.running_var, other.running_var, atol=1e-4)
    assert other.eval() is other
    own.eval()
    assert other.training is False
    assert np.allclose(own.forward(x).data, other.forward(x).data, atol=1e-4)
    assert other.train() is other
    assert other.training is True
    assert other.parameters() == [other.gamma, other.beta]
    other(x).sum().backward()
    assert other.beta.grad.shape == (3,)
    try:
        other(images(1, 4, 2, 2))
    except ValueError as error:
        assert "channels" in str(error)
    else:
        raise AssertionError("wrong channels")


# %% [markdown]
# ## Own and package layers in one network, and a bigger one
class SimpleCNN:
    def __init__(self, conv_cls, pool_cls):
        self.conv = conv_cls(1, 4, kernel_size=3, padding=1)
        self.relu, self.pool, self.fc = ReLU(), pool_cls(2, stride=2), Linear(4 * 4 * 4, 2)

    def forward(self, x):
        x = self.pool.forward(self.relu.forward(self.conv.forward(x)))
        return self.fc.forward(x.reshape(x.shape[0], -1))

    def parameters(self):
        return self.conv.parameters() + self.fc.parameters()


def train(conv_cls, pool_cls, steps=8):
    rng = np.random.default_rng(7)
    x, y = rng.normal(scale=0.3, size=(12, 1, 8, 8)), rng.integers(0, 2, 12)
    x[y == 1, :, :, :4] += 1.0
    np.random.seed(2)
    model = SimpleCNN(conv_cls, pool_cls)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = CrossEntropyLoss()(model.forward(Tensor(x)), Tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def test_networks():
    expected = train(Conv2d, MaxPool2d)
    assert np.allclose(train(package.Conv2d, package.MaxPool2d), expected, rtol=1e-2, atol=1e-4)
    assert np.allclose(train(Conv2d, package.MaxPool2d), expected, rtol=1e-2, atol=1e-4)
    assert np.allclose(train(package.Conv2d, MaxPool2d), expected, rtol=1e-2, atol=1e-4)
    assert expected[-1] < 0.3 * expected[0]
    cnn = package.SimpleCNN(num_classes=10)
    features = cnn.forward(Tensor(np.random.randn(4, 3, 32, 32)))
    assert features.shape == (4, cnn.flattened_size) == (4, 2048)
    assert sum(p.size for p in cnn.parameters()) == 3 * 16 * 9 + 16 + 16 * 32 * 9 + 32
    cnn.conv1.forward = lambda x: Tensor(np.zeros((x.shape[0], 16, 32, 32)))
    assert np.allclose(cnn.forward(Tensor(np.ones((1, 3, 32, 32)))).data, 0)
    big = package.Conv2d(3, 64, 3, padding=1)(Tensor(np.random.randn(8, 3, 64, 64)))
    assert big.shape == (8, 64, 64, 64)


def test_public_nodes():
    x, conv = images(1, 2, 5, 5), package.Conv2d(2, 3, 3, padding=1)
    args = (x, conv.weight, conv.bias, 1, 1, (3, 3), (1, 2, 7, 7))
    g = np.random.default_rng(0).normal(size=(1, 3, 5, 5)).astype(np.float32)
    own, other = Conv2dBackward(*args), package.Conv2dBackward(*args)
    for a, b in zip(own.apply(g), other.apply(g), strict=True):
        assert np.allclose(a, b, atol=1e-4)
    assert other.stride == own.stride
    assert other.padded_shape == own.padded_shape
    assert isinstance(other, Function)
    pool_args = (x, (1, 2, 2, 2), (2, 2), 2, 0)
    g = np.ones((1, 2, 2, 2), np.float32)
    own, other = MaxPool2dBackward(*pool_args), package.MaxPool2dBackward(*pool_args)
    assert np.array_equal(own.apply(g)[0], other.apply(g)[0])


def test_module():
    test_unit_conv2d()
    test_unit_pooling()
    test_unit_batch_norm()
    test_networks()
    test_public_nodes()
    print("module 09: all checks passed")


if __name__ == "__main__":
    test_module()
