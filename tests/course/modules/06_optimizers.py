"""Module 06: SGD, Adam and AdamW in plain NumPy, on the package's tensors, layers and losses."""

# %%
import copy
import pickle

import numpy as np

from tinytorch.core import optimizers as package
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear
from tinytorch.core.losses import MSELoss
from tinytorch.core.tensor import Tensor


# %%
class Optimizer:
    def __init__(self, params):
        if not isinstance(params, list):
            params = list(params)
        for i, param in enumerate(params):
            if not isinstance(param, Tensor):
                raise TypeError(f"Parameter {i} must be a Tensor, got {type(param)}")
            if not param.requires_grad:
                raise ValueError(f"Parameter {i} does not require gradients. Set requires_grad")
        self.params = params
        self.step_count = 0

    def zero_grad(self):
        for param in self.params:
            param.grad = None

    def step(self):
        raise NotImplementedError("Subclasses must implement step()")

    @staticmethod
    def gradient(param):
        grad = param.grad
        return grad.data if isinstance(grad, Tensor) else grad


class SGD(Optimizer):
    def __init__(self, params, lr=0.01, momentum=0.0, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.momentum_buffers = [None for _ in self.params]

    def has_momentum(self):
        return self.momentum > 0

    def step(self):
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            grad_data = self.gradient(param)
            if self.weight_decay != 0:
                grad_data = grad_data + self.weight_decay * param.data
            if self.momentum != 0:
                if self.momentum_buffers[i] is None:
                    self.momentum_buffers[i] = np.zeros_like(param.data)
                self.momentum_buffers[i] = self.momentum * self.momentum_buffers[i] + grad_data
                grad_data = self.momentum_buffers[i]
            param.data = param.data - self.lr * grad_data
        self.step_count += 1


class Adam(Optimizer):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.eps, self.weight_decay = lr, eps, weight_decay
        self.beta1, self.beta2 = betas
        self.m_buffers = [None for _ in self.params]
        self.v_buffers = [None for _ in self.params]

    def step(self):
        self.step_count += 1
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            grad = self.gradient(param)
            if self.weight_decay != 0:
                grad = grad + self.weight_decay * param.data
            param.data = param.data - self.lr * self.direction(i, param, grad)

    def direction(self, i, param, grad):
        if self.m_buffers[i] is None:
            self.m_buffers[i] = np.zeros_like(param.data)
            self.v_buffers[i] = np.zeros_like(param.data)
        self.m_buffers[i] = self.beta1 * self.m_buffers[i] + (1 - self.beta1) * grad
        self.v_buffers[i] = self.beta2 * self.v_buffers[i] + (1 - self.beta2) * (grad**2)
        m_hat = self.m_buffers[i] / (1 - self.beta1**self.step_count)
        v_hat = self.v_buffers[i] / (1 - self.beta2**self.step_count)
        return m_hat / (np.sqrt(v_hat) + self.eps)


class AdamW(Adam):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)

    def step(self):
        self.step_count += 1
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            param.data = param.data - self.lr * self.direction(i, param, self.gradient(param))
            if self.weight_decay != 0:
                param.data = param.data * (1 - self.lr * self.weight_decay)


# %%
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.05}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": np.float64(0.03), "weight_decay": 0.2}),
]


def make_params():
    rng = np.random.default_rng(0)
    return [Tensor(rng.normal(size=s), requires_grad=True) for s in ((4, 3), (3,), (1, 1), (3, 2))]


def test_same_traces():
    rng = np.random.default_rng(1)
    for name, settings in SETTINGS:
        own_params, params = make_params(), make_params()
        own = globals()[name](own_params, **settings)
        other = getattr(package, name)(params, **settings)
        for step in range(10):
            for index, (p, q) in enumerate(zip(own_params, params, strict=True)):
                g = rng.normal(size=p.shape).astype(np.float32 if step % 2 else np.float64)
                if (step + index) % 4 == 0:
                    p.grad = q.grad = None
                elif index % 2:
                    p.grad = q.grad = g
                else:
                    p.grad = q.grad = Tensor(g)
            kept = [q.grad for q in params]
            before = [q.data for q in params]
            copies = [b.copy() for b in before]
            own.step()
            assert other.step() is None
            for q, grad, array, values in zip(params, kept, before, copies, strict=True):
                assert q.grad is grad
                assert np.array_equal(array, values), "step() must rebind the data"
            for p, q in zip(own_params, params, strict=True):
                assert np.allclose(p.data, q.data, atol=2e-6), (name, settings)
                assert q.data.dtype == np.float32
        assert other.step_count == own.step_count == 10
        other.zero_grad()
        assert all(q.grad is None for q in params)


def test_adam_and_adamw_agree_without_decay():
    a, b = make_params(), make_params()
    adam, adamw = package.Adam(a, weight_decay=0), package.AdamW(b, weight_decay=0)
    for _ in range(5):
        for p, q in zip(a, b, strict=True):
            p.grad = q.grad = np.cos(p.data)
        adam.step()
        adamw.step()
    for p, q in zip(a, b, strict=True):
        assert np.allclose(p.data, q.data, rtol=1e-10)


def test_unit_interface():
    params = make_params()
    sgd = package.SGD(params, momentum=0.9)
    assert sgd.params is params
    assert sgd.params[0] is params[0]
    assert sgd.lr == package.DEFAULT_LEARNING_RATE_SGD == 0.01
    assert sgd.momentum_buffers == [None] * 4
    params[1].grad = np.ones(3)
    sgd.step()
    assert sgd.momentum_buffers[0] is None
    assert isinstance(sgd.momentum_buffers[1], np.ndarray)
    state = sgd.get_momentum_state()
    assert state[0] is None
    state[1][:] = 5
    assert not np.any(sgd.momentum_buffers[1] == 5), "the state is a copy"
    sgd.set_momentum_state(state)
    assert np.all(sgd.momentum_buffers[1] == 5)
    sgd.set_momentum_state(None)
    for bad in (state[:2], []):
        try:
            sgd.set_momentum_state(bad)
        except ValueError as error:
            assert "doesn't match" in str(error)
        else:
            raise AssertionError("wrong length")
    assert sgd.has_momentum()
    assert not package.SGD(params).has_momentum()
    assert package.SGD(params).get_momentum_state() is None
    for cls in (package.Adam, package.AdamW):
        assert not hasattr(cls(params), "get_momentum_state")
        assert not hasattr(cls(params), "param_groups")
    generator = package.Adam(p for p in params)
    assert all(p is q for p, q in zip(generator.params, params, strict=True))
    assert generator.m_buffers == generator.v_buffers == [None] * 4
    assert (generator.beta1, generator.beta2) == (0.9, 0.999)
    try:
        package.SGD([Tensor([1.0])])
    except ValueError as error:
        assert "does not require gradients" in str(error)
    else:
        raise AssertionError("a tensor without requires_grad")
    try:
        package.Optimizer(params).step()
    except NotImplementedError:
        pass
    else:
        raise AssertionError("the base class has no step")


# %% [markdown]
# ## A subclass of the package's Optimizer, a reassigned list, a schedule by hand
class Lion(package.Optimizer):
    def __init__(self, params, lr=1e-2):
        super().__init__(params)
        self.lr = lr
        self.m = {id(p): np.zeros(p.shape) for p in self.params}

    def step(self):
        for p in self.params:
            if p.grad is not None:
                m = self.m[id(p)]
                p.data = p.data - self.lr * np.sign(0.9 * m + 0.1 * p.grad)
                self.m[id(p)] = 0.99 * m + 0.01 * p.grad
        self.step_count += 1


def regression(optimizer_cls, steps=60, **settings):
    """Losses of a small network trained on a fixed problem."""
    np.random.seed(5)
    fc1, relu, fc2 = Linear(3, 16), ReLU(), Linear(16, 1)
    x = Tensor(np.random.randn(64, 3))
    y = Tensor(x.data[:, :1] * 2 - np.abs(x.data[:, 1:2]) + 0.5)
    optimizer = optimizer_cls(fc1.parameters() + fc2.parameters(), **settings)
    losses = []
    for step in range(steps):
        if step == steps // 2:
            optimizer.lr *= 0.5
        loss = MSELoss()(fc2(relu(fc1(x))), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return np.array(losses)


def test_training_curves():
    for name, settings in [("SGD", {"lr": 0.05, "momentum": 0.9}), ("Adam", {"lr": 0.03}),
                           ("AdamW", {"lr": 0.03, "weight_decay": 0.1})]:  # fmt: skip
        own = regression(globals()[name], **settings)
        other = regression(getattr(package, name), **settings)
        assert np.allclose(own, other, rtol=2e-2, atol=1e-4), name
        assert other[-1] < 0.1 * other[0]
        print(f"{name:6} {other[0]:.4f} -> {other[-1]:.4f}")
    assert regression(Lion)[-1] < 0.5 * regression(Lion)[0]


def test_by_hand_and_copies():
    w = Tensor(np.ones((2, 2)), requires_grad=True)
    b = Tensor(np.zeros(2), requires_grad=True)
    for _ in range(50):
        out = Tensor(np.eye(2)).matmul(w) + b
        loss = MSELoss()(out, Tensor([[2.0, 0], [0, 2]]))
        loss.backward()
        for p in (w, b):
            p.data -= 0.5 * p.grad
            p.grad = None
    assert loss.data < 1e-2
    optimizer = package.SGD([w], lr=0.1)
    optimizer.params = [b]
    w.grad, b.grad = np.ones((2, 2)), np.ones(2)
    old_w, old_b = w.data.copy(), b.data.copy()
    optimizer.step()
    assert np.array_equal(w.data, old_w)
    assert np.allclose(b.data, old_b - 0.1)
    adam = package.Adam([w], lr=0.1)
    w.grad = np.ones((2, 2))
    adam.step()
    for clone in (copy.deepcopy(adam), pickle.loads(pickle.dumps(adam))):
        clone.step()
        assert clone.step_count == 2
        assert adam.step_count == 1
        assert clone.params[0] is not w
    package.Adam(Tensor([1.0, 2.0], requires_grad=True)).step()  # any iterable, rows included


def test_module():
    test_same_traces()
    test_adam_and_adamw_agree_without_decay()
    test_unit_interface()
    test_training_curves()
    test_by_hand_and_copies()
    print("module 06: all checks passed")


if __name__ == "__main__":
    test_module()
