"""Gradient clipping by norm and by value (contract 9.2)."""

import numpy as np
import pytest

from tinytorch import Linear, Tensor, clip_grad_norm
from tinytorch.optim import clip_grad_value


def params(*grads):
    made = []
    for grad in grads:
        p = Tensor(np.zeros(np.shape(grad) if grad is not None else 1), requires_grad=True)
        p.grad = grad
        made.append(p)
    return made


def test_the_norm_is_global_and_returned():
    p = params(np.array([3.0, 0.0]), np.array([[4.0]]))
    norm = clip_grad_norm(p, 1.0)
    assert type(norm) is float
    assert norm == pytest.approx(5)
    total = np.sqrt(sum(np.sum(q.grad**2) for q in p))
    assert total == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(p[0].grad, [0.6, 0])


def test_small_gradients_stay_untouched():
    given = np.array([0.3])
    p = params(given)
    assert clip_grad_norm(p, 1.0) == pytest.approx(0.3)
    assert p[0].grad is given


def test_arrays_are_replaced_tensors_changed():
    array, tensor = np.array([30.0]), Tensor([40.0])
    p = params(array, tensor, None)
    assert clip_grad_norm(p, 5.0) == pytest.approx(50)
    assert p[0].grad is not array
    assert array[0] == 30
    assert p[1].grad is tensor
    assert tensor.data[0] == pytest.approx(4)
    assert p[2].grad is None


def test_nothing_to_clip():
    assert clip_grad_norm([]) == 0.0
    assert clip_grad_norm(params(None)) == 0.0
    assert type(clip_grad_norm([])) is float


def test_default_norm_and_engine_gradients():
    layer = Linear(4, 4)
    (layer(Tensor(np.full((8, 4), 10.0))) * 100).sum().backward()
    clip_grad_norm(layer.parameters())
    total = np.sqrt(sum(np.sum(p.grad.astype(np.float64) ** 2) for p in layer.parameters()))
    assert total == pytest.approx(1, abs=1e-6)


def test_a_generator_of_parameters():
    assert clip_grad_norm(p for p in params(np.array([2.0]))) == pytest.approx(2)


def test_clip_by_value():
    p = params(np.array([-3.0, 0.5, 3.0]), Tensor([9.0]), None)
    clip_grad_value(p, 1.0)
    np.testing.assert_array_equal(p[0].grad, [-1, 0.5, 1])
    np.testing.assert_array_equal(p[1].grad.data, [1])
    with pytest.raises(ValueError, match="negative"):
        clip_grad_value(p, -1)
