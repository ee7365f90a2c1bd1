"""Ways in which course programs use the package, across its parts (contract 1.1, 1.7, 3.3, 7.4)."""

import functools
import json
import threading
import types

import numpy as np
import pytest

from tinytorch import (
    GELU,
    GPT,
    SGD,
    Adam,
    AvgPool2d,
    BinaryCrossEntropyLoss,
    Conv2d,
    CrossEntropyLoss,
    Embedding,
    LayerNorm,
    Linear,
    MaxPool2d,
    MSELoss,
    MultiHeadAttention,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    Tensor,
    clip_grad_norm,
)
from tinytorch.core.losses import log_softmax
from tinytorch.core.spatial import BatchNorm2d
from tinytorch.nn import Sequential


def float64(shape, grad=True):
    """A tensor whose data a program replaced by a float64 array."""
    t = Tensor(np.zeros(shape), requires_grad=grad)
    t.data = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    return t


OPERATIONS = {
    "Linear": lambda: Linear(4, 4)(float64((4, 4))),
    "activations": lambda: Tanh()(GELU()(Sigmoid()(ReLU()(float64((4, 4)))))),
    "Softmax": lambda: Softmax()(float64((4, 4))),
    "log_softmax": lambda: log_softmax(float64((4, 4))),
    "MSE": lambda: MSELoss()(float64((4, 4)), float64((4, 4))),
    "CrossEntropy": lambda: CrossEntropyLoss()(float64((4, 4)), float64(4)),
    "BCE": lambda: BinaryCrossEntropyLoss()(float64((4, 4)), float64((4, 4))),
    "Conv2d": lambda: Conv2d(2, 3, 3)(float64((1, 2, 4, 4))),
    "MaxPool2d": lambda: MaxPool2d(2)(float64((1, 2, 4, 4))),
    "AvgPool2d": lambda: AvgPool2d(2)(float64((1, 2, 4, 4))),
    "BatchNorm2d": lambda: BatchNorm2d(2)(float64((1, 2, 4, 4))),
    "LayerNorm": lambda: LayerNorm(4)(float64((2, 4))),
    "Embedding": lambda: Embedding(4, 2)(float64((2, 3), grad=False)),
    "attention": lambda: MultiHeadAttention(4, 2)(float64((1, 3, 4))),
    "GPT": lambda: GPT(4, 4, 1, 2, 8)(float64((1, 3), grad=False)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_and_gradients_are_float32_after_float64_was_assigned(name):
    result = OPERATIONS[name]()
    assert result.data.dtype == np.float32
    node = result._grad_fn
    gradients = [g for g in node.apply(np.ones(result.shape)) if g is not None]
    assert gradients
    assert all(g.dtype == np.float32 for g in gradients)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.float16, bool])
def test_data_of_other_types_computes_as_float32(dtype):
    t = Tensor([0.0, 0, 0], requires_grad=True)
    t.data = np.array([0, 1, 1], dtype=dtype)
    y = (t * 2.5 + t).sum()
    assert float(y.data) == 7
    assert y.data.dtype == np.float32
    y.backward()
    np.testing.assert_allclose(t.grad, 3.5)
    assert t.grad.dtype == np.float32


def test_numbers_lists_and_views_as_data():
    t = Tensor([1.0, 2])
    for value, shape in (
        (np.float64(3), ()), (5, ()), ([1, 2, 3], (3,)), (np.arange(6)[::2], (3,)),
        (np.arange(6.0).reshape(2, 3).T, (3, 2)), (Tensor([[1.0]]), (1, 1)),
    ):  # fmt: skip
        t.data = value
        assert isinstance(t.data, np.ndarray)
        assert t.shape == t.data.shape == shape
        np.testing.assert_array_equal((t + 0).data, np.asarray(value))
        assert t.data is t.data


UPDATES = {
    "new array": lambda w, lr: setattr(w, "data", w.data - lr * w.grad),
    "in place": lambda w, lr: w.data.__isub__(lr * np.asarray(w.grad)),
    "grad.data": lambda w, lr: setattr(w, "data", w.data - lr * w.grad.data),
    "slice": lambda w, lr: w.data.__setitem__(slice(None), w.data - lr * np.array(w.grad)),
    "tensors": lambda w, lr: setattr(w, "data", (w - Tensor(lr) * Tensor(w.grad)).data),
    "clipped": lambda w, lr: setattr(w, "data", w.data - lr * np.clip(w.grad, -1, 1)),
}


@pytest.mark.parametrize("style", UPDATES)
@pytest.mark.parametrize("lr", [0.25, np.float64(0.25), np.float32(0.25)], ids=type)
def test_updates_by_hand(style, lr):
    w = Tensor(np.ones((2, 2)), requires_grad=True)
    x = Tensor([[1.0, -0.5]])
    for _ in range(3):
        w.grad = None
        x.matmul(w).sum().backward()
        UPDATES[style](w, lr)
    np.testing.assert_allclose(w.data, [[0.25, 0.25], [1.375, 1.375]])


def test_a_loss_as_a_number():
    loss = MSELoss()(Tensor([1.0, 2]), Tensor([0.0, 0]))
    assert loss.data.item() == float(loss.data) == float(loss) == 2.5
    assert f"{loss.data:.4f}" == "2.5000"
    assert "%.1f" % loss.data == "{:.1f}".format(loss.data) == "2.5"  # noqa: UP031, UP032
    total = 0
    total += loss.data
    assert isinstance(total / 2, np.floating)
    assert json.dumps(float(total)) == "2.5"
    assert np.mean([loss.data, loss.data]) == sum([loss.data]) == min(loss.data, 3.0) == 2.5
    assert not np.isnan(loss.data)


def test_parameters_in_python_lists():
    parameters = [*Linear(2, 3).parameters(), *Linear(3, 1).parameters()]
    assert parameters.index(parameters[2]) == 2
    assert len({id(p) for p in parameters}) == len(set(parameters)) == 4
    assert max(parameters, key=lambda p: p.size) is parameters[0]
    assert sum(np.prod(p.shape) for p in parameters) == sum(p.size for p in parameters) == 13
    names = {p: f"p{index}" for index, p in enumerate(parameters)}
    assert names[parameters[3]] == "p3"


class TripleNode:
    """No subclass of Function: saved_tensors and apply are enough."""

    def __init__(self, x, answer):
        self.saved_tensors, self.answer = (x,), answer

    def apply(self, grad_output):
        assert isinstance(grad_output, np.ndarray)
        return self.answer(np.asarray(grad_output, np.float64) * 3)


@pytest.mark.parametrize(
    "answer",
    [lambda g: (g,), lambda g: [g, None], lambda g: g, lambda g: (Tensor(g),)],
    ids=["tuple", "list", "array", "tensor"],
)
def test_nodes_of_other_classes(answer):
    x = Tensor([1.0, 2], requires_grad=True)
    y = Tensor(x.data * 3, requires_grad=True)
    node = y._grad_fn = TripleNode(x, answer)
    assert y._grad_fn is node
    (y * 2).sum().backward()
    np.testing.assert_allclose(x.grad, 6)
    y._grad_fn = None
    x.grad = None
    y.sum().backward()
    assert x.grad is None


class OnlyForward:
    def forward(self, x, mask=None):
        return x * 2


class OnlyCall:
    def __call__(self, x):
        return x + 1


def test_sequential_of_anything_that_can_be_called():
    model = Sequential(OnlyForward(), lambda x: x - 1, OnlyCall(), ReLU(), Linear(2, 1))
    x = Tensor([[1.0, 2]])
    np.testing.assert_allclose(model(x).data, model.layers[-1](x * 2).data)
    assert model.parameters() == model.layers[-1].parameters()


def test_methods_put_on_instances_of_a_model():
    model = GPT(8, 4, 1, 2, 16)
    tokens = Tensor([[1, 2, 3]])
    expected = model(tokens).data
    block = model.blocks[0]
    original = block.attention.forward
    for replacement in (
        functools.partial(original),
        lambda x, mask=None: original(x, mask),
        types.MethodType(lambda self, x, mask=None: original(x, mask=mask), block.attention),
    ):
        block.attention.forward = replacement
        np.testing.assert_array_equal(model(tokens).data, expected)
    block.attention.forward = lambda x, mask=None: x * 0
    assert not np.allclose(model(tokens).data, expected)
    del block.attention.forward
    np.testing.assert_array_equal(model(tokens).data, expected)
    block.attention, block.mlp = OnlyForward(), OnlyForward()
    assert model(tokens).shape == (1, 3, 8)
    always_three = np.eye(8)[3] * 100
    model.forward = lambda tokens: Tensor(np.tile(always_three, (1, tokens.shape[1], 1)))
    np.testing.assert_array_equal(model.generate(Tensor([[0]]), 3).data, [[0, 3, 3, 3]])


def test_training_in_several_threads():
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        layers = [Linear(4, 8), Linear(8, 2)]
        optimizer = Adam([p for layer in layers for p in layer.parameters()], lr=0.02)
        x, y = Tensor(rng.normal(size=(32, 4))), Tensor(rng.integers(0, 2, 32))
        losses = []
        for _ in range(30):
            loss = CrossEntropyLoss()(layers[1](ReLU()(layers[0](x))), y)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm(optimizer.params, 1.0)
            optimizer.step()
            losses.append(float(loss.data))
        if not losses[-1] < losses[0]:
            failures.append((seed, losses))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("seed", range(3))
def test_xor_is_learnt(seed):
    np.random.seed(seed)
    hidden, out = Linear(2, 8), Linear(8, 1)
    optimizer = SGD(hidden.parameters() + out.parameters(), lr=0.5)
    x = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = Tensor([[0], [1], [1], [0]])
    for _ in range(2000):
        p = Sigmoid()(out(Tanh()(hidden(x))))
        loss = BinaryCrossEntropyLoss()(p, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((p.data > 0.5) == y.data).all()
