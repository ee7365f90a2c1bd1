"""SimpleMLP: shapes, draws, and that its parts are used as they are."""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch.capstone import Linear, ReLU, SimpleMLP, Tensor


def test_parameters_and_count() -> None:
    model = SimpleMLP()
    assert model.count_parameters() == 283
    assert type(model.count_parameters()) is int
    expected = [model.fc1.weight, model.fc1.bias, model.fc2.weight, model.fc2.bias]
    assert all(a is b for a, b in zip(model.parameters(), expected, strict=True))
    assert [p.shape for p in model.parameters()] == [(10, 20), (20,), (20, 3), (3,)]
    assert all(p.requires_grad for p in model.parameters())
    assert SimpleMLP(4, 5, 6).count_parameters() == 4 * 5 + 5 + 5 * 6 + 6
    assert SimpleMLP(input_size=4, hidden_size=5, output_size=6).count_parameters() == 61
    assert not hasattr(model, "layers")
    assert isinstance(model.fc1, Linear)
    assert isinstance(model.relu, ReLU)


def test_draws_come_from_numpy_in_the_stated_order() -> None:
    np.random.seed(7)
    model = SimpleMLP(4, 5, 3)
    after = np.random.rand()
    np.random.seed(7)
    np.random.randn(4, 5), np.random.randn(5, 3)  # the two Linear initialisations
    first = np.random.randn(4, 5) * 0.01
    second = np.random.randn(5, 3) * 0.01
    assert after == np.random.rand()
    np.testing.assert_array_equal(model.fc1.weight.data, first.astype(np.float32))
    np.testing.assert_array_equal(model.fc2.weight.data, second.astype(np.float32))
    assert not model.fc1.bias.data.any()
    assert not model.fc2.bias.data.any()


def test_forward() -> None:
    model = SimpleMLP()
    x = np.random.randn(8, 10).astype(np.float32)
    w1, b1, w2, b2 = (p.data.astype(np.float64) for p in model.parameters())
    expected = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    for out in (model.forward(Tensor(x)), model(Tensor(x))):
        assert out.shape == (8, 3)
        np.testing.assert_allclose(out.data, expected, rtol=1e-5, atol=1e-8)
    with pytest.raises(ValueError, match="Inner dimensions must match"):
        model.forward(Tensor(np.zeros((2, 9))))


def test_gradients_reach_every_parameter() -> None:
    model = SimpleMLP()
    model.forward(Tensor(np.random.randn(8, 10))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_parts_are_called_through_their_public_forward() -> None:
    model = SimpleMLP()
    model.relu.forward = lambda x: x * 0.0
    model.fc2.bias = Tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(
        model.forward(Tensor(np.ones((2, 10)))).data, [[1, 2, 3], [1, 2, 3]]
    )
    model.fc1 = Linear(10, 7)
    model.fc2 = Linear(7, 2)
    assert model.count_parameters() == 70 + 7 + 14 + 2


def test_state_moves_between_models() -> None:
    a, b = SimpleMLP(), SimpleMLP()
    b.load_state_dict(a.state_dict())
    assert list(a.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    np.testing.assert_array_equal(a.fc1.weight.data, b.fc1.weight.data)
