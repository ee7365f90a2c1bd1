"""Module 05: the student's own autograd replaces the package's methods, and trains its layers."""

# %% [markdown]
# # Module 05: Autograd
# `enable_autograd()` wraps the Tensor's operations so that each result remembers how it was made.

# %%
import numpy as np

from tinytorch.core import autograd as package
from tinytorch.core.activations import GELU, ReLU, Sigmoid, Softmax
from tinytorch.core.layers import Linear
from tinytorch.core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor

EPSILON = 1e-7


# %%
class Function:
    def __init__(self, *tensors):
        self.saved_tensors = tensors
        self.next_functions = []
        for t in tensors:
            if isinstance(t, Tensor) and t.requires_grad and getattr(t, "_grad_fn", None):
                self.next_functions.append(t._grad_fn)

    def apply(self, grad_output):
        raise NotImplementedError("Each Function must implement apply()")

    def wants(self, index):
        t = self.saved_tensors[index]
        return isinstance(t, Tensor) and t.requires_grad


class AddBackward(Function):
    def apply(self, grad_output):
        return tuple(grad_output if self.wants(i) else None for i in (0, 1))


class SubBackward(Function):
    def apply(self, grad_output):
        return (grad_output if self.wants(0) else None), (-grad_output if self.wants(1) else None)


class MulBackward(Function):
    def apply(self, grad_output):
        a, b = self.saved_tensors
        grad_a = grad_output * b.data if self.wants(0) else None
        return grad_a, (grad_output * a.data if self.wants(1) else None)


class DivBackward(Function):
    def apply(self, grad_output):
        a, b = self.saved_tensors
        grad_a = grad_output / b.data if self.wants(0) else None
        return grad_a, (-grad_output * a.data / (b.data**2) if self.wants(1) else None)


class MatmulBackward(Function):
    def apply(self, grad_output):
        a, b = self.saved_tensors
        grad_a = np.matmul(grad_output, np.swapaxes(b.data, -2, -1)) if self.wants(0) else None
        grad_b = np.matmul(np.swapaxes(a.data, -2, -1), grad_output) if self.wants(1) else None
        return grad_a, grad_b


class TransposeBackward(Function):
    def __init__(self, tensor, dim0, dim1):
        super().__init__(tensor)
        self.dim0, self.dim1 = dim0, dim1

    def apply(self, grad_output):
        dims = (-2, -1) if self.dim0 is None else (self.dim0, self.dim1)
        return (np.swapaxes(grad_output, *dims),)


class ReshapeBackward(Function):
    def __init__(self, tensor, original_shape):
        super().__init__(tensor)
        self.original_shape = original_shape

    def apply(self, grad_output):
        return (grad_output.reshape(self.original_shape),)


class SliceBackward(Function):
    def __init__(self, tensor, key):
        super().__init__(tensor)
        self.key = key

    def apply(self, grad_output):
        grad_input = np.zeros(self.saved_tensors[0].shape, dtype=np.float32)
        np.add.at(grad_input, self.key, grad_output)
        return (grad_input,)


class SumBackward(Function):
    def __init__(self, tensor, axis=None, keepdims=False):
        super().__init__(tensor)
        self.axis, self.keepdims = axis, keepdims

    def apply(self, grad_output):
        grad_output = np.asarray(grad_output)
        if self.axis is not None and not self.keepdims:
            grad_output = np.expand_dims(grad_output, self.axis)
        return (np.ones(self.saved_tensors[0].shape, np.float32) * grad_output,)


class Elementwise(Function):
    """Holds the local derivative as an array."""

    def __init__(self, tensor, local):
        super().__init__(tensor)
        self.local = local

    def apply(self, grad_output):
        return (grad_output * self.local,)


class ReLUBackward(Elementwise):
    pass


class SigmoidBackward(Elementwise):
    pass


class GELUBackward(Elementwise):
    pass


class MSEBackward(Elementwise):
    pass


class BCEBackward(Elementwise):
    pass


class CrossEntropyBackward(Elementwise):
    pass


class SoftmaxBackward(Function):
    def __init__(self, tensor, output, dim):
        super().__init__(tensor)
        self.output_data, self.dim = output.data, dim

    def apply(self, grad_output):
        weighted = np.sum(grad_output * self.output_data, axis=self.dim, keepdims=True)
        return (self.output_data * (grad_output - weighted),)


# %% [markdown]
# ## Patching
ORIGINALS = {}


def patch(cls, name, replacement):
    ORIGINALS[cls, name] = cls.__dict__.get(name)
    setattr(cls, name, replacement(getattr(cls, name)))


def restore():
    for (cls, name), original in ORIGINALS.items():
        if original is None:
            delattr(cls, name)
        else:
            setattr(cls, name, original)
    ORIGINALS.clear()


def tracked(result, node, *operands):
    if any(t.requires_grad for t in operands):
        result.requires_grad = True
        result._grad_fn = node(*operands)
    return result


def enable_autograd(quiet=False, force=False):
    if hasattr(Tensor, "_autograd_enabled") and not force:
        return  # the installed package has it switched on already
    patch_operators()
    patch_shapes()
    patch_backward()
    patch_activations()
    patch_losses()
    if not quiet:
        print("✅ the student's autograd is on")


def patch_operators():
    def wrap(node):
        def wrapper(original):
            def method(self, other):
                if not isinstance(other, Tensor):
                    other = Tensor(other)
                return tracked(original(self, other), node, self, other)

            return method

        return wrapper

    nodes = (AddBackward, SubBackward, MulBackward, DivBackward)
    for name, node in zip(("__add__", "__sub__", "__mul__", "__truediv__"), nodes, strict=True):
        patch(Tensor, name, wrap(node))
    patch(Tensor, "matmul", wrap(MatmulBackward))


def patch_shapes():
    def index(original):
        return lambda self, key: tracked(original(self, key), lambda t: SliceBackward(t, key), self)

    def transpose(original):
        return lambda self, dim0=None, dim1=None: tracked(
            original(self, dim0, dim1), lambda t: TransposeBackward(t, dim0, dim1), self
        )

    def reshape(original):
        return lambda self, *shape: tracked(
            original(self, *shape), lambda t: ReshapeBackward(t, t.shape), self
        )

    def total(original):
        return lambda self, axis=None, keepdims=False: tracked(
            original(self, axis, keepdims), lambda t: SumBackward(t, axis, keepdims), self
        )

    patch(Tensor, "__getitem__", index)
    patch(Tensor, "transpose", transpose)
    patch(Tensor, "reshape", reshape)
    patch(Tensor, "sum", total)


def patch_backward():
    def zero_grad(original):
        def method(self):
            self.grad = None

        return method

    patch(Tensor, "backward", lambda original: recursive_backward)
    patch(Tensor, "zero_grad", zero_grad)


def recursive_backward(self, gradient=None):
    if not self.requires_grad:
        return
    if gradient is None:
        if self.data.size != 1:
            raise ValueError("backward() without a gradient on a non-scalar tensor")
        gradient = np.ones_like(self.data)
    if self.grad is None:
        self.grad = np.zeros_like(self.data)
    while gradient.ndim > self.data.ndim:
        gradient = gradient.sum(axis=0)
    for axis in range(self.data.ndim):
        if self.data.shape[axis] == 1 and gradient.shape[axis] != 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    self.grad += gradient
    grad_fn = getattr(self, "_grad_fn", None)
    if grad_fn is not None:
        grads = grad_fn.apply(gradient)
        for tensor, grad in zip(grad_fn.saved_tensors, grads, strict=False):
            if isinstance(tensor, Tensor) and tensor.requires_grad and grad is not None:
                tensor.backward(grad)


def patch_activations():
    def wrap(make_node):
        def wrapper(original):
            def forward(self, x, *args, **kwargs):
                result = original(self, x, *args, **kwargs)
                if x.requires_grad:
                    result.requires_grad = True
                    result._grad_fn = make_node(x, result, *args, **kwargs)
                return result

            return forward

        return wrapper

    def gelu(x, y):
        s = 1 / (1 + np.exp(-1.702 * x.data))
        return GELUBackward(x, s + 1.702 * x.data * s * (1 - s))

    patch(ReLU, "forward", wrap(lambda x, y: ReLUBackward(x, (x.data > 0).astype(np.float32))))
    patch(Sigmoid, "forward", wrap(lambda x, y: SigmoidBackward(x, y.data * (1 - y.data))))
    patch(GELU, "forward", wrap(gelu))
    patch(Softmax, "forward", wrap(lambda x, y, dim=-1: SoftmaxBackward(x, y, dim)))


def patch_losses():
    def wrap(make_node):
        def wrapper(original):
            def forward(self, predictions, targets):
                result = original(self, predictions, targets)
                if predictions.requires_grad:
                    result.requires_grad = True
                    result._grad_fn = make_node(predictions, targets.data)
                return result

            return forward

        return wrapper

    def mse(p, t):
        return MSEBackward(p, 2 * (p.data - t) / t.size)

    def bce(p, t):
        clipped = np.clip(p.data, EPSILON, 1 - EPSILON)
        return BCEBackward(p, (clipped - t) / (clipped * (1 - clipped)) / t.size)

    def cross_entropy(p, t):
        e = np.exp(p.data - p.data.max(axis=-1, keepdims=True))
        soft = e / e.sum(axis=-1, keepdims=True)
        soft[np.arange(len(t)), t.astype(int)] -= 1
        return CrossEntropyBackward(p, soft / len(t))

    patch(MSELoss, "forward", wrap(mse))
    patch(BinaryCrossEntropyLoss, "forward", wrap(bce))
    patch(CrossEntropyLoss, "forward", wrap(cross_entropy))


# %% [markdown]
# ## Programs that run under both engines
def leaf(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), requires_grad=True)


def arithmetic():
    a, b, row = leaf(2, 3), leaf(2, 3, seed=1), leaf(3, seed=2)
    y = (a * b + row) / (b - 3.0) - a * 0.5
    y.backward(np.full((2, 3), 2.0, np.float32))
    return y, a, b, row


def shapes():
    a, w = leaf(2, 3, 4), leaf(4, 5, seed=1)
    y = a.matmul(w).transpose(1, 2).reshape(2, 15)[:, 3:9]
    y.sum(axis=1).sum().backward()
    return y, a, w


def attention():
    q, k, v = (leaf(2, 4, 8, seed=s) for s in range(3))
    weights = Softmax()(q.matmul(k.transpose(-2, -1)) / np.sqrt(8.0), dim=-1)
    y = weights.matmul(v)
    (y * y).sum().backward()
    return y, q, k, v


def shared():
    x = leaf(3)
    y = x * x
    z = (y + y * x + x).sum()
    z.backward()
    return z, x, y


def indexed():
    table = leaf(5, 3)
    rows = table[np.array([0, 2, 2])]
    loss = (rows * Tensor([[1.0], [2], [3]])).sum()
    loss.backward()
    loss.backward()
    return loss, table


def network(loss_fn, activation, targets):
    np.random.seed(3)
    x, fc1, fc2 = leaf(6, 4), Linear(4, 8), Linear(8, 3)
    loss = loss_fn(fc2(activation(fc1(x))), targets)
    loss.backward()
    return (loss, x, *fc1.parameters(), *fc2.parameters())


def networks():
    classes = Tensor([0, 1, 2, 2, 1, 0])
    values = Tensor(np.random.default_rng(9).uniform(size=(6, 3)))

    def bce(out, targets):
        return BinaryCrossEntropyLoss()(Sigmoid()(out), targets)

    return (
        *network(CrossEntropyLoss(), ReLU(), classes),
        *network(MSELoss(), GELU(), values),
        *network(bce, Sigmoid(), values),
    )


def training():
    np.random.seed(1)
    model = [Linear(2, 8), Sigmoid(), Linear(8, 1), Sigmoid()]
    params = [p for layer in model for p in layer.parameters()]
    x = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = Tensor([[0], [1], [1], [0]])
    optimizer, loss_fn = SGD(params, lr=2.0, momentum=0.9), MSELoss()
    for _ in range(300):
        out = x
        for layer in model:
            out = layer(out)
        loss = loss_fn(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.array_equal(out.data > 0.5, y.data > 0.5), "XOR learnt"
    return (loss, *params)


PROGRAMS = [arithmetic, shapes, attention, shared, indexed, networks]


def snapshot(tensors):
    return [(t.data.copy(), None if t.grad is None else np.array(t.grad)) for t in tensors]


def test_own_engine_agrees_with_the_package():
    reference = {program.__name__: snapshot(program()) for program in PROGRAMS}
    enable_autograd()
    assert not ORIGINALS, "with the package's autograd on, nothing is patched"
    enable_autograd(force=True)
    try:
        for program in PROGRAMS:
            for (data, grad), tensor in zip(reference[program.__name__], program(), strict=True):
                assert np.allclose(tensor.data, data, atol=1e-5), program.__name__
                if grad is not None:
                    assert tensor.grad.shape == tensor.shape
                    assert np.allclose(tensor.grad, grad, atol=1e-4, rtol=1e-4), program.__name__
        check_own_nodes()
        training()
    finally:
        restore()
    assert type(arithmetic()[0]._grad_fn).__module__ != __name__
    training()


def check_own_nodes():
    a, b = leaf(2, 2), leaf(2, 2, seed=1)
    for result, node in (
        (a + b, AddBackward), (a - b, SubBackward), (a * 2, MulBackward), (a / b, DivBackward),
        (a.matmul(b), MatmulBackward), (a @ b, MatmulBackward), (a.transpose(), TransposeBackward),
        (a.reshape(4), ReshapeBackward), (a[0], SliceBackward), (a.sum(), SumBackward),
        (ReLU()(a), ReLUBackward), (Sigmoid()(a), SigmoidBackward), (GELU()(a), GELUBackward),
        (Softmax()(a), SoftmaxBackward), (MSELoss()(a, b), MSEBackward),
    ):  # fmt: skip
        assert type(result._grad_fn) is node, (result._grad_fn, node)
        assert result.requires_grad
    assert not (Tensor([1.0]) + Tensor([2.0])).requires_grad
    try:
        a.backward()
    except ValueError as error:
        assert "non-scalar" in str(error)
    else:
        raise AssertionError("a non-scalar needs a gradient")


# %% [markdown]
# ## Own nodes on the package's engine, and its public nodes by hand
class Square(package.Function):
    def apply(self, grad_output):
        (x,) = self.saved_tensors
        return (2 * x.data * grad_output, None)  # one entry more than saved


def square(x):
    out = Tensor(x.data**2)
    out.requires_grad = x.requires_grad
    if x.requires_grad:
        out._grad_fn = Square(x)
    return out


def test_own_nodes_in_the_package_graph():
    x = leaf(3)
    y = square(x * 3.0) + x
    y.sum().backward()
    assert np.allclose(x.grad, 18 * x.data + 1, rtol=1e-5)
    assert y._grad_fn.next_functions[0].__class__ is Square
    x = leaf(3)
    deep = x
    for _ in range(2000):
        deep = square(deep) * Tensor(0.5) + deep * 0.5 if deep is x else deep * 1.0
    deep.sum().backward()
    assert np.allclose(x.grad, x.data + 0.5, rtol=1e-5)


def test_public_nodes_by_hand():
    a, b = leaf(2, 3), leaf(2, 3, seed=1)
    g = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
    for name in ("AddBackward", "SubBackward", "MulBackward", "DivBackward"):
        own, other = globals()[name](a, b), getattr(package, name)(a, b)
        for mine, theirs in zip(own.apply(g), other.apply(g), strict=True):
            assert np.allclose(mine, theirs, rtol=1e-5)
        assert other.saved_tensors[0] is a
        assert issubclass(getattr(package, name), package.Function)
    w = leaf(3, 4, seed=2)
    seeds = np.ones((2, 4), np.float32)
    for mine, theirs in zip(
        MatmulBackward(a, w).apply(seeds), package.MatmulBackward(a, w).apply(seeds), strict=True
    ):
        assert np.allclose(mine, theirs, rtol=1e-5)
    (theirs,) = package.SumBackward(a).apply(np.float32(2.0))
    assert np.allclose(theirs, 2)
    assert package.Function(a).next_functions == []
    try:
        package.Function(a).apply(g)
    except NotImplementedError:
        pass
    else:
        raise AssertionError("the base class has no rule")


def test_gradient_slot():
    x = Tensor([2.0, 3.0], requires_grad=True)
    assert x.grad is None
    (x * x).sum().backward()
    first = x.grad.copy()
    assert isinstance(x.grad, np.ndarray)
    assert np.allclose(first, [4, 6])
    assert x.grad.data[0] == 4
    (x * x).sum().backward()
    assert np.allclose(x.grad, 2 * first)
    x.zero_grad()
    assert x.grad is None
    x.grad = np.zeros_like(x.data)
    y = Tensor([[5.0]], requires_grad=True) * x[:1]
    y.backward()
    assert np.allclose(x.grad, [5, 0])
    assert np.allclose(y.grad, 1)
    loss = Tensor(3.0)
    assert loss.backward() is None
    assert package.enable_autograd() is None
    assert Tensor._autograd_enabled is True


def test_module():
    test_own_engine_agrees_with_the_package()
    test_own_nodes_in_the_package_graph()
    test_public_nodes_by_hand()
    test_gradient_slot()
    print("module 05: all checks passed")


if __name__ == "__main__":
    test_module()
