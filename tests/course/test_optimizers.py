"""SGD, Adam, AdamW against a NumPy re-computation (contract 8)."""

import numpy as np
import pytest

from tinytorch import SGD, Adam, AdamW, Linear, Tensor
from tinytorch.core.optimizers import Optimizer

RNG = np.random.default_rng(5)
SHAPES = [(3, 2), (4,), ()]
STEPS = 10


def make_params():
    return [Tensor(np.full(shape, 0.5), requires_grad=True) for shape in SHAPES]


def sgd_rule(w, g, state, t, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    g = g + weight_decay * w
    if momentum:
        state["v"] = momentum * state.get("v", 0) + g
        g = g + momentum * state["v"] if nesterov else state["v"]
    return w - lr * g


def adam_rule(w, g, state, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    return adam_step(w, g + weight_decay * w, state, t, lr, betas, eps)


def adamw_rule(w, g, state, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    return adam_step(w, g, state, t, lr, betas, eps) * (1 - lr * weight_decay)


def adam_step(w, g, state, t, lr, betas, eps):
    b1, b2 = betas
    state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    state["v"] = b2 * state.get("v", 0) + (1 - b2) * g**2
    m, v = state["m"] / (1 - b1**t), state["v"] / (1 - b2**t)
    return w - lr * m / (np.sqrt(v) + eps)


TRACES = [
    (SGD, sgd_rule, {"lr": 0.1}),
    (SGD, sgd_rule, {"lr": 0.1, "momentum": 0.9}),
    (SGD, sgd_rule, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    (SGD, sgd_rule, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (SGD, sgd_rule, {"lr": 0.1, "weight_decay": 0.5}),
    (Adam, adam_rule, {"lr": 0.01}),
    (Adam, adam_rule, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (AdamW, adamw_rule, {"lr": 0.01}),
    (AdamW, adamw_rule, {"lr": 0.01, "weight_decay": 0.3}),
]


@pytest.mark.parametrize("kind", [np.array, Tensor], ids=["ndarray", "Tensor"])
@pytest.mark.parametrize(("cls", "rule", "settings"), TRACES, ids=str)
def test_traces(cls, rule, settings, kind):
    params = make_params()
    optimizer = cls(params, **settings)
    weights = [p.data.astype(np.float64) for p in params]
    states = [{} for _ in params]
    for t in range(1, STEPS + 1):
        grads = [RNG.standard_normal(shape) for shape in SHAPES]
        for p, g in zip(params, grads, strict=True):
            p.grad = kind(g)
        optimizer.step()
        weights = [
            rule(w, g, state, t, **settings)
            for w, g, state in zip(weights, grads, states, strict=True)
        ]
        for p, w in zip(params, weights, strict=True):
            assert p.data.dtype == np.float32
            assert p.data.shape == w.shape
            np.testing.assert_allclose(p.data, w, rtol=2e-4, atol=2e-6)
    assert optimizer.step_count == STEPS


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_step_rebinds_data_and_leaves_the_gradient(cls):
    p = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = cls([p], lr=0.1)
    for given in (np.array([1.0, 1.0]), Tensor([1.0, 1.0])):
        saved, p.grad = p.data, given
        values = saved.copy()
        optimizer.step()
        np.testing.assert_array_equal(saved, values)
        assert p.data is not saved
        assert not np.array_equal(p.data, values)
        assert p.grad is given


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_parameters_without_gradient_are_skipped(cls):
    a, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = cls([a, b], lr=0.1)
    optimizer.step()
    assert optimizer.step_count == 1
    b.grad = np.array([1.0])
    kept = a.data
    optimizer.step()
    assert a.data is kept
    assert b.data[0] != 1.0
    assert optimizer.step_count == 2
    optimizer.zero_grad()
    assert b.grad is None


def test_buffers_appear_with_the_first_gradient():
    a, b = Tensor([1.0], requires_grad=True), Tensor([[1.0]], requires_grad=True)
    for optimizer, names in [
        (SGD([a, b], momentum=0.9), ["momentum_buffers"]),
        (Adam([a, b]), ["m_buffers", "v_buffers"]),
    ]:
        for name in names:
            assert getattr(optimizer, name) == [None, None]
        a.grad, b.grad = None, np.array([[1.0]])
        optimizer.step()
        for name in names:
            first, second = getattr(optimizer, name)
            assert first is None
            assert isinstance(second, np.ndarray)
            assert second.shape == (1, 1)


def test_adam_and_adamw_agree_without_decay():
    p, q = make_params(), make_params()
    adam, adamw = Adam(p, lr=0.1), AdamW(q, lr=0.1, weight_decay=0.0)
    for _ in range(5):
        for a, b in zip(p, q, strict=True):
            a.grad = b.grad = RNG.standard_normal(a.shape)
        adam.step()
        adamw.step()
    for a, b in zip(p, q, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10)


def test_attributes_and_defaults():
    p = make_params()
    sgd, adam, adamw = SGD(p), Adam(p), AdamW(p)
    assert (sgd.lr, sgd.momentum, sgd.weight_decay, sgd.step_count) == (0.01, 0.0, 0.0, 0)
    assert (adam.lr, adam.beta1, adam.beta2, adam.eps) == (0.001, 0.9, 0.999, 1e-8)
    assert (adam.weight_decay, adamw.weight_decay) == (0.0, 0.01)
    assert sgd.params is p
    assert sgd.parameters is p
    for optimizer in (SGD(p, learning_rate=0.5), Adam(p, learning_rate=0.5)):
        assert optimizer.lr == 0.5
        optimizer.set_lr(0.25)
        assert optimizer.lr == 0.25
    assert not hasattr(sgd, "param_groups")
    for name in ("has_momentum", "get_momentum_state", "set_momentum_state"):
        assert hasattr(sgd, name)
        assert not hasattr(adam, name)
        assert not hasattr(adamw, name)


def test_lr_is_read_at_every_step():
    p = Tensor([1.0], requires_grad=True)
    p.grad = np.array([1.0])
    optimizer = SGD([p], lr=0.5)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.data[0] == 0.25


def test_params_may_be_any_iterable():
    layer = Linear(2, 2)
    assert SGD(p for p in layer.parameters()).params == layer.parameters()
    assert SGD(tuple(layer.parameters())).params[0] is layer.weight
    vector = Tensor([1.0, 2.0], requires_grad=True)
    assert len(SGD(vector).params) == 2
    assert SGD([]).params == []


def test_what_is_refused():
    with pytest.raises(ValueError, match="does not require gradients"):
        SGD([Tensor([1.0])])
    with pytest.raises(TypeError, match="not a Tensor"):
        SGD([np.ones(2)])
    with pytest.raises(ValueError, match="nesterov"):
        SGD(make_params(), nesterov=True)
    with pytest.raises(NotImplementedError):
        Optimizer(make_params()).step()
    p = Tensor([1.0, 2.0], requires_grad=True)
    p.grad = np.ones(3)
    with pytest.raises(ValueError, match=r"shape|size|dimension|broadcast|empty"):
        SGD([p]).step()


def test_momentum_state():
    p = make_params()
    plain, sgd = SGD(p), SGD(p, momentum=0.9)
    assert not plain.has_momentum()
    assert plain.get_momentum_state() is None
    assert sgd.has_momentum()
    assert sgd.get_momentum_state() == [None] * 3
    for q in p:
        q.grad = np.ones(q.shape)
    p[0].grad = None
    sgd.step()
    state = sgd.get_momentum_state()
    assert state[0] is None
    np.testing.assert_array_equal(state[1], np.ones(4))
    state[1][:] = 5
    np.testing.assert_array_equal(sgd.momentum_buffers[1], np.ones(4))
    sgd.set_momentum_state(state)
    np.testing.assert_array_equal(sgd.momentum_buffers[1], np.full(4, 5))
    state[1][:] = 7
    np.testing.assert_array_equal(sgd.momentum_buffers[1], np.full(4, 5))
    sgd.set_momentum_state(None)
    plain.set_momentum_state([None])
    with pytest.raises(ValueError, match="doesn't match"):
        sgd.set_momentum_state([None])


@pytest.mark.parametrize(
    "make", [lambda p: SGD(p, 0.1, 0.9, nesterov=True), Adam, lambda p: AdamW(p, lr=0.1)]
)
def test_resuming_is_exact(make):
    def run(params, optimizer, steps):
        rng = np.random.default_rng(steps.start)
        for _ in steps:
            for p in params:
                p.grad = rng.standard_normal(p.shape)
            optimizer.step()

    straight = make_params()
    optimizer = make(straight)
    run(straight, optimizer, range(3))
    run(straight, optimizer, range(3, 6))

    first = make_params()
    optimizer = make(first)
    run(first, optimizer, range(3))
    state = optimizer.state_dict()
    second = [Tensor(p.data, requires_grad=True) for p in first]
    resumed = make(second)
    resumed.load_state_dict(state)
    run(second, resumed, range(3, 6))
    for a, b in zip(straight, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    with pytest.raises(ValueError, match="doesn't match"):
        make(first[:1]).load_state_dict(state)


def test_training_lowers_the_loss():
    from tinytorch import MSELoss

    np.random.seed(0)
    layer = Linear(3, 1)
    x = np.random.randn(32, 3)
    y = x @ np.array([[1.0], [-2.0], [0.5]])
    optimizer = SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(100):
        optimizer.zero_grad()
        MSELoss()(layer(Tensor(x)), Tensor(y)).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.data[:, 0], [1, -2, 0.5], atol=1e-2)


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_a_gradient_with_an_extra_dimension_is_taken_in_the_weights_shape(cls):
    """As in `bias.grad = grad.sum(axis=0, keepdims=True)`."""
    row, flat = (Tensor(np.ones(3), requires_grad=True) for _ in range(2))
    row.grad, flat.grad = np.arange(3.0)[None], np.arange(3.0)
    cls([row], lr=0.1).step()
    cls([flat], lr=0.1).step()
    assert row.shape == (3,)
    np.testing.assert_array_equal(row.data, flat.data)
    weight = Tensor(np.ones((2, 3)), requires_grad=True)
    weight.grad = np.ones((3, 2))
    with pytest.raises(ValueError, match="broadcast"):
        cls([weight], lr=0.1).step()
