"""Module 04: losses in plain NumPy, on the package's Tensor, activations and layers."""

# %%
import numpy as np

from tinytorch.core import losses as package
from tinytorch.core.activations import ReLU, Sigmoid
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor

EPSILON = 1e-7


# %%
def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    max_vals = np.max(x.data, axis=dim, keepdims=True)
    shifted = x.data - max_vals
    log_sum_exp = np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))
    return Tensor(x.data - max_vals - log_sum_exp)


class MSELoss:
    def __init__(self):
        pass

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        diff = predictions.data - targets.data
        return Tensor(np.mean(diff**2))

    def __call__(self, predictions, targets):
        return self.forward(predictions, targets)

    def backward(self):
        pass


class CrossEntropyLoss:
    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_probs = log_softmax(logits, dim=-1)
        batch_size = logits.shape[0]
        target_indices = targets.data.astype(int)
        selected = log_probs.data[np.arange(batch_size), target_indices]
        return Tensor(-np.mean(selected))

    def __call__(self, logits, targets):
        return self.forward(logits, targets)


class BinaryCrossEntropyLoss:
    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        clamped = np.clip(predictions.data, EPSILON, 1 - EPSILON)
        per_sample = -(targets.data * np.log(clamped) + (1 - targets.data) * np.log(1 - clamped))
        return Tensor(np.mean(per_sample))

    def __call__(self, predictions, targets):
        return self.forward(predictions, targets)


# %%
def close(own, other, tol=1e-5):
    assert isinstance(other, Tensor)
    assert other.shape == ()
    assert other.data.shape == ()
    assert other.data.dtype == np.float32
    return np.allclose(own.data, other.data, atol=tol, rtol=1e-5)


def test_unit_log_softmax():
    rng = np.random.default_rng(0)
    for source in ([[1.0, 2, 3]], rng.normal(size=(4, 7)) * 10, [[700.0, 0, -700]], [1.0, 1]):
        x = Tensor(source)
        result = package.log_softmax(x, dim=-1)
        assert result.shape == x.shape
        assert np.allclose(result.data, log_softmax(x).data, atol=1e-4)
        assert np.allclose(np.sum(np.exp(result.data), axis=-1), 1.0, atol=1e-5)
        assert not np.any(np.isnan(result.data))
    x = Tensor(rng.normal(size=(3, 4)))
    assert np.allclose(package.log_softmax(x, 0).data, log_softmax(x, 0).data, atol=1e-5)


def test_unit_mse():
    rng = np.random.default_rng(1)
    for shape in ((), (3,), (4, 2), (2, 3, 4)):
        p, t = Tensor(rng.normal(size=shape)), Tensor(rng.normal(size=shape))
        assert close(MSELoss()(p, t), package.MSELoss()(p, t))
        assert package.MSELoss()(p, p).data == 0.0
    predictions, targets = Tensor([200.0, 250.0, 300.0]), Tensor([195.0, 260.0, 290.0])
    loss = package.MSELoss().forward(predictions, targets)
    assert abs(loss.data - 75.0) < 1e-4
    print(f"MSE: {loss.data:.2f}, RMSE: {np.sqrt(loss.data):.2f}")
    wide, column = Tensor(np.ones((2, 3))), Tensor(np.zeros((2, 1)))
    assert close(MSELoss()(wide, column), package.MSELoss()(wide, column))
    for cls in (MSELoss, package.MSELoss):
        try:
            cls()(Tensor(np.ones(3)), Tensor(np.ones(4)))
        except ValueError:
            continue
        raise AssertionError("shapes that do not broadcast")


def test_unit_cross_entropy():
    loss_fn = package.CrossEntropyLoss()
    rng = np.random.default_rng(2)
    logits, targets = Tensor(rng.normal(size=(16, 5)) * 4), Tensor(rng.integers(0, 5, 16))
    assert close(CrossEntropyLoss()(logits, targets), loss_fn(logits, targets))
    uniform = loss_fn(Tensor(np.zeros((2, 3))), Tensor([0, 1]))
    assert abs(uniform.data - np.log(3)) < 1e-6
    good = loss_fn(Tensor([[10.0, 0, 0]]), Tensor([0])).data
    bad = loss_fn(Tensor([[0.0, 0, 10]]), Tensor([0])).data
    assert good < 0.1 < bad
    for extreme in (100.0, -100.0, 500.0):
        value = loss_fn(Tensor([[extreme, 0, -extreme]]), Tensor([1]))
        assert np.isfinite(value.data)
        assert close(CrossEntropyLoss()(Tensor([[extreme, 0, -extreme]]), Tensor([1])), value)
    assert close(uniform, loss_fn(Tensor(np.zeros((2, 3))), Tensor([0.9, 1.9])))  # truncated
    try:
        loss_fn(Tensor(np.zeros((1, 3))), Tensor([3]))
    except IndexError:
        pass
    else:
        raise AssertionError("class 3 of 3")
    column = Tensor(targets.data[:, None])
    assert abs(loss_fn(logits, column).data - loss_fn(logits, targets).data) < 1e-6
    assert close(loss_fn(logits, targets), loss_fn(logits, targets.data.astype(int)))


def test_unit_binary_cross_entropy():
    rng = np.random.default_rng(3)
    loss_fn = package.BinaryCrossEntropyLoss()
    for shape in ((4,), (4, 1), (2, 3)):
        p, t = Tensor(rng.uniform(size=shape)), Tensor(rng.integers(0, 2, shape))
        assert close(BinaryCrossEntropyLoss()(p, t), loss_fn(p, t))
    assert loss_fn(Tensor([1.0, 0.0]), Tensor([1.0, 0.0])).data < 1e-5
    worst = loss_fn(Tensor([0.0, 1.0]), Tensor([1.0, 0.0])).data
    assert 10 < worst < 20
    assert np.isfinite(worst)
    assert abs(loss_fn(Tensor([0.5] * 4), Tensor([1.0, 0, 1, 0])).data - np.log(2)) < 1e-6
    assert package.EPSILON == EPSILON


# %% [markdown]
# ## Gradients of the package's losses against differences of the own ones
def numeric_gradient(loss_fn, predictions, targets, step=1e-3):
    grad = np.zeros_like(predictions)
    for index in np.ndindex(predictions.shape):
        up, down = predictions.copy(), predictions.copy()
        up[index] += step
        down[index] -= step
        high, low = loss_fn(Tensor(up), targets), loss_fn(Tensor(down), targets)
        grad[index] = (float(high.data) - float(low.data)) / (2 * step)
    return grad


def test_gradients():
    rng = np.random.default_rng(4)
    cases = [
        ("MSELoss", rng.normal(size=(3, 2)), rng.normal(size=(3, 2))),
        ("CrossEntropyLoss", rng.normal(size=(3, 4)), rng.integers(0, 4, 3)),
        ("BinaryCrossEntropyLoss", rng.uniform(0.2, 0.8, (5, 1)), rng.integers(0, 2, (5, 1))),
    ]
    for name, source, labels in cases:
        predictions, targets = Tensor(source, requires_grad=True), Tensor(labels)
        loss = getattr(package, name)()(predictions, targets)
        assert loss.requires_grad
        loss.backward()
        assert targets.grad is None
        assert isinstance(predictions.grad, np.ndarray)
        numeric = numeric_gradient(globals()[name](), predictions.data.copy(), targets)
        assert np.allclose(predictions.grad, numeric, atol=3e-3), name
        flagged = Tensor(labels, requires_grad=True)
        assert not getattr(package, name)()(Tensor(source), flagged).requires_grad
        assert getattr(package, name)().backward() is None


def test_with_a_model():
    np.random.seed(0)
    fc1, relu, fc2, sigmoid = Linear(3, 6), ReLU(), Linear(6, 1), Sigmoid()
    x, y = Tensor(np.random.randn(10, 3)), Tensor(np.random.randint(0, 2, (10, 1)))
    out = sigmoid(fc2(relu(fc1(x))))
    total = 0
    for name in ("MSELoss", "BinaryCrossEntropyLoss"):
        own, other = globals()[name]()(out, y), getattr(package, name)()(out, y)
        assert close(own, other)
        total += other.data
        other.backward()
        assert all(np.any(p.grad != 0) for p in fc1.parameters() + fc2.parameters())
    assert total > 0
    assert package.Linear is Linear
    assert package.ReLU is ReLU
    for pred in np.linspace(0.1, 0.9, 5):
        loss = package.BinaryCrossEntropyLoss()(Tensor([pred]), Tensor([1.0]))
        print(f"{pred:.1f} {loss.data:8.4f} {float(loss.data) > 0.5!s:>5}")


def test_module():
    test_unit_log_softmax()
    test_unit_mse()
    test_unit_cross_entropy()
    test_unit_binary_cross_entropy()
    test_gradients()
    test_with_a_model()
    print("module 04: all checks passed")


if __name__ == "__main__":
    test_module()
