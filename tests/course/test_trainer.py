"""Trainer: epochs, accumulation, evaluation (contract 9.3)."""

import numpy as np
import pytest

from tinytorch import (
    SGD,
    CosineSchedule,
    CrossEntropyLoss,
    Linear,
    MSELoss,
    Tensor,
    Trainer,
)
from tinytorch.core.layers import Dropout, Sequential


def batches(count=4, rows=3):
    rng = np.random.default_rng(6)
    return [
        (Tensor(rng.standard_normal((rows, 2))), Tensor(rng.standard_normal((rows, 1))))
        for _ in range(count)
    ]


def trainer(lr=0.1, **kwargs):
    np.random.seed(0)
    model = Linear(2, 1)
    return Trainer(model, SGD(model.parameters(), lr=lr), MSELoss(), **kwargs)


def test_attributes():
    model = Linear(2, 1)
    optimizer, loss = SGD(model.parameters()), MSELoss()
    t = Trainer(model, optimizer, loss)
    assert (t.model, t.optimizer, t.loss_fn) == (model, optimizer, loss)
    assert (t.scheduler, t.grad_clip_norm, t.epoch, t.step) == (None, None, 0, 0)
    assert t.training_mode is True
    assert t.history == {"train_loss": [], "eval_loss": [], "learning_rates": []}
    loose = Trainer(model, optimizer, mixed_precision=True, accumulate_grad_batches=2)
    assert isinstance(loose.loss_fn, MSELoss)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_epoch_by_hand(steps):
    t, data = trainer(), batches(4)
    weight, bias = t.model.weight.data.astype(float), t.model.bias.data.astype(float)
    losses = []
    for start in range(0, 4, steps):
        group = data[start : start + steps]
        loss, grad_w, grad_b = 0.0, 0.0, 0.0
        for x, y in group:
            error = x.data @ weight + bias - y.data
            loss += np.mean(error**2) / steps
            grad_w = grad_w + 2 * x.data.T @ error / error.size
            grad_b = grad_b + 2 * error.sum(axis=0) / error.size
        weight, bias = weight - 0.1 * grad_w, bias - 0.1 * grad_b
        losses.append(loss)
    result = t.train_epoch(data, accumulation_steps=steps)
    assert isinstance(result, (float, np.floating))
    assert result == pytest.approx(np.mean(losses), rel=1e-5)
    np.testing.assert_allclose(t.model.weight.data, weight, rtol=1e-4)
    np.testing.assert_allclose(t.model.bias.data, bias, rtol=1e-4)
    assert t.history["train_loss"] == [result]
    assert t.step == 4 // steps
    assert t.epoch == 1
    assert t.optimizer.step_count == -(-4 // steps)
    assert all(p.grad is None for p in t.model.parameters())


def test_the_schedule_follows_the_epoch():
    schedule = CosineSchedule(0.1, 0.01, 10)
    t = trainer(scheduler=schedule)
    t.train_epoch(batches())
    t.train_epoch(batches())
    expected = [schedule.get_lr(0), schedule.get_lr(1)]
    assert t.history["learning_rates"] == expected
    assert t.optimizer.lr == expected[-1]


def test_clipping():
    t = trainer(lr=1.0, grad_clip_norm=1e-3)
    before = t.model.weight.data.copy()
    t.train_epoch(batches(1))
    assert np.linalg.norm(t.model.weight.data - before) <= 1.001e-3


def test_modes():
    model = Sequential(Linear(2, 1), Dropout(0.5))
    t = Trainer(model, SGD(model.parameters()), MSELoss())
    t.train_epoch(batches(1))
    assert model.training is True
    assert model.layers[1].training is True
    t.evaluate(batches(1))
    assert model.training is False
    assert model.layers[1].training is False


def test_evaluation():
    t, data = trainer(), batches(3)
    weight = t.model.weight.data.copy()
    loss, accuracy = t.evaluate(data)
    expected = np.mean([np.mean((t.model(x).data - y.data) ** 2) for x, y in data])
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == 1.0  # one output: both sides' argmax is 0
    assert t.history["eval_loss"] == [loss]
    np.testing.assert_array_equal(t.model.weight.data, weight)
    assert all(p.grad is None for p in t.model.parameters())
    assert t.evaluate([]) == (0.0, 0.0)


@pytest.mark.parametrize("one_hot", [False, True])
def test_accuracy(one_hot):
    class Fixed:
        def forward(self, x):
            return x

        def parameters(self):
            return []

    scores = np.eye(3)[[0, 1, 2, 0]]
    labels = np.array([0, 1, 2, 1])
    targets = Tensor(np.eye(3)[labels] if one_hot else labels)
    loss = MSELoss() if one_hot else CrossEntropyLoss()
    t = Trainer(Fixed(), SGD([]), loss)
    value, accuracy = t.evaluate([(Tensor(scores), targets)])
    assert accuracy == 0.75
    assert isinstance(value, (float, np.floating))


def test_parts_are_called_through_their_public_forward():
    t = trainer()
    calls = []
    forward = t.model.forward
    t.model.forward = lambda x: (calls.append(1), forward(x))[1]
    t.train_epoch(batches(2))
    t.evaluate(batches(2))
    assert len(calls) == 4


def test_accumulation_must_be_a_positive_count():
    with pytest.raises(ValueError, match="accumulation_steps"):
        trainer().train_epoch(batches(), accumulation_steps=0)
