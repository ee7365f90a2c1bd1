"""Structured pruning that makes layers smaller."""

import numpy as np
import pytest

from tinytorch import Conv2d, Linear, MaxPool2d, ReLU, Tensor
from tinytorch.capstone import SimpleMLP
from tinytorch.nn import BatchNorm1d, BatchNorm2d, Dropout, Flatten, Layer, Sequential, Softmax
from tinytorch.nn.prune import shrink
from tinytorch.nn.quantized import convert, stored_bytes


def cnn():
    np.random.seed(0)
    model = Sequential(
        Conv2d(1, 8, 3, padding=1), BatchNorm2d(8), ReLU(), MaxPool2d(2),
        Conv2d(8, 12, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(),
        Linear(48, 20), BatchNorm1d(20), ReLU(), Dropout(0.5), Linear(20, 10),
    )  # fmt: skip
    for layer in model.layers:
        if hasattr(layer, "running_mean"):
            n = layer.num_features
            layer.running_mean = np.random.randn(n).astype(np.float32)
            layer.running_var = np.random.rand(n).astype(np.float32) + 0.5
            layer.gamma.data, layer.beta.data = np.random.rand(n) + 0.5, np.random.randn(n)
        elif getattr(layer, "bias", None) is not None:
            layer.bias.data = np.random.randn(*layer.bias.shape)
    return model.eval()


def x():
    return Tensor(np.random.default_rng(1).standard_normal((5, 1, 8, 8)))


def shapes(model):
    return [layer.weight.shape for layer in model.layers if hasattr(layer, "weight")]


def test_everything_that_reads_a_channel_shrinks():
    model = cnn()
    before = stored_bytes(model)
    small = shrink(model, 0.5)
    assert shapes(small) == [(4, 1, 3, 3), (6, 4, 3, 3), (24, 10), (10, 10)]
    assert small.layers[0].out_channels == small.layers[4].in_channels == 4
    assert small.layers[8].in_features == 24
    assert [small.layers[i].num_features for i in (1, 9)] == [4, 10]
    assert small(x()).shape == (5, 10)
    assert stored_bytes(small) < 0.35 * before
    assert shapes(model) == shapes(cnn())
    assert all(p.requires_grad for p in small.parameters())


@pytest.mark.parametrize("example", [False, True])
def test_it_computes_what_the_large_model_does_without_the_channels(example):
    model = cnn()
    # The channels to go contribute nothing to what follows; so nothing changes.
    for at, following, axis in ((0, 4, 1), (4, 8, 0), (8, 12, 0)):
        layer, reader = model.layers[at], model.layers[following]
        outputs = layer.bias.shape[0]
        weak = np.arange(0, outputs, 2)
        if at == 8:
            layer.weight.data[:, weak] *= 1e-3
        else:
            layer.weight.data[weak] *= 1e-3
        if following == 8:
            weak = (weak[:, None] * 4 + np.arange(4)).ravel()
        if axis == 1:
            reader.weight.data[:, weak] = 0.0
        else:
            reader.weight.data[weak] = 0.0
    small = shrink(model, 0.5, example=x() if example else None)
    np.testing.assert_allclose(small(x()).data, model(x()).data, atol=1e-5)


def test_ratios_by_path_and_skip():
    small = shrink(cnn(), {"layers.4": 0.25})
    assert shapes(small) == [(8, 1, 3, 3), (9, 8, 3, 3), (36, 20), (20, 10)]
    small = shrink(cnn(), 0.5, skip=["layers.0", "layers.8"])
    assert shapes(small) == [(8, 1, 3, 3), (6, 8, 3, 3), (24, 20), (20, 10)]
    with pytest.raises(ValueError, match="no Linear or Conv2d at"):
        shrink(cnn(), {"layers.1": 0.5})
    for ratio in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="ratio must lie"):
            shrink(cnn(), ratio)


def test_at_least_one_output_stays():
    assert shapes(shrink(cnn(), 0.99)) == [(1, 1, 3, 3), (1, 1, 3, 3), (4, 1), (1, 10)]


def test_attributes():
    np.random.seed(0)
    small = shrink(SimpleMLP(10, 20, 3), 0.5)
    assert type(small) is SimpleMLP
    assert (small.fc1.out_features, small.fc2.in_features) == (10, 10)
    assert small.count_parameters() == 10 * 10 + 10 + 10 * 3 + 3
    assert convert(small).count_parameters() == small.count_parameters()


class Residual(Layer):
    def __init__(self):
        self.first, self.second, self.last = Linear(6, 6), Linear(6, 6), Linear(6, 2)

    def forward(self, x):
        h = self.first(x)
        return self.last(h + self.second(h))


class Backwards(Layer):
    """Defined in another order than called."""

    def __init__(self):
        self.last, self.first = Linear(9, 2), Linear(6, 9)

    def forward(self, x):
        return self.last(self.first(x))


def test_the_example_gives_the_order():
    example = np.ones((1, 6))
    small = shrink(Backwards(), 0.67, example=example)
    assert (small.first.out_features, small.last.in_features) == (3, 3)
    assert small(Tensor(example)).shape == (1, 2)
    assert "forward" not in small.first.__dict__


def test_models_that_are_no_chain():
    example = np.ones((1, 6))
    with pytest.raises(ValueError, match="no plain chain"):
        shrink(Residual(), {"second": 0.5}, example=example)
    with pytest.raises(ValueError, match="across Softmax"):
        shrink(Sequential(Linear(4, 4), Softmax(), Linear(4, 2)), 0.5)
    layer = Linear(6, 6)
    with pytest.raises(ValueError, match="more than once"):
        shrink(Sequential(layer, ReLU(), layer), 0.5, example=example)
    with pytest.raises(ValueError, match="no multiple"):
        shrink(Sequential(Linear(4, 6), Linear(7, 2)), 0.5)
