"""The node protocol: public nodes, and nodes written in Python (contract 7.4)."""

import numpy as np
import pytest

from tinytorch import Linear, Tensor
from tinytorch.core import autograd as ag
from tinytorch.core.spatial import Conv2dBackward, MaxPool2dBackward

RNG = np.random.default_rng(3)


def tensor(*shape, grad=True):
    return Tensor(RNG.uniform(0.5, 1.5, shape), requires_grad=grad)


def test_base_class():
    x, y = tensor(2), tensor(2, grad=False)
    z = x * 2
    node = ag.Function(x, z, y, 3.0)
    assert node.saved_tensors == (x, z, y, 3.0)
    assert len(node.next_functions) == 1
    assert node.next_functions[0] is z._grad_fn
    with pytest.raises(NotImplementedError):
        node.apply(np.ones(2))


def binary_nodes():
    a, b = tensor(2, 3), tensor(2, 3)
    g = RNG.standard_normal((2, 3))
    return [
        (ag.AddBackward, a, b, g, g, g),
        (ag.SubBackward, a, b, g, g, -g),
        (ag.MulBackward, a, b, g, g * b.data, g * a.data),
        (ag.DivBackward, a, b, g, g / b.data, -g * a.data / b.data**2),
    ]


@pytest.mark.parametrize("row", binary_nodes(), ids=lambda row: row[0].__name__)
def test_arithmetic_nodes(row):
    cls, a, b, g, grad_a, grad_b = row
    node = cls(a, b)
    assert isinstance(node, ag.Function)
    result = node.apply(g)
    assert isinstance(result, tuple)
    assert len(result) == 2
    np.testing.assert_allclose(result[0], grad_a, rtol=1e-5)
    np.testing.assert_allclose(result[1], grad_b, rtol=1e-5)
    untracked = cls(a, tensor(2, 3, grad=False)).apply(g)
    assert untracked[0] is not None
    assert untracked[1] is None


@pytest.mark.parametrize("cls", [ag.MulBackward, ag.DivBackward])
def test_plain_numbers_as_second_operand(cls):
    node = cls(tensor(2), 4.0)
    first, second = node.apply(np.ones(2))
    np.testing.assert_allclose(first, [4, 4] if cls is ag.MulBackward else [0.25, 0.25])
    assert second is None


@pytest.mark.parametrize(("a", "b"), [((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4))])
def test_matmul_node(a, b):
    x, y = tensor(*a), tensor(*b)
    g = RNG.standard_normal((x.data @ y.data).shape).astype(np.float32)
    grad_x, grad_y = ag.MatmulBackward(x, y).apply(g)
    np.testing.assert_allclose(grad_x, g @ y.data.swapaxes(-1, -2), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(grad_y, x.data.swapaxes(-1, -2) @ g, rtol=1e-4, atol=1e-5)


def test_shape_nodes():
    x = tensor(2, 3, 4)
    g = RNG.standard_normal((2, 3, 4)).astype(np.float32)
    node = ag.TransposeBackward(x, 0, 2)
    assert (node.dim0, node.dim1) == (0, 2)
    np.testing.assert_array_equal(node.apply(g.swapaxes(0, 2))[0], g)
    node = ag.PermuteBackward(x, (1, 2, 0))
    assert tuple(node.axes) == (1, 2, 0)
    assert tuple(node.inverse_axes) == (2, 0, 1)
    np.testing.assert_array_equal(node.apply(g.transpose(1, 2, 0))[0], g)
    node = ag.ReshapeBackward(x, (2, 3, 4))
    assert node.original_shape == (2, 3, 4)
    np.testing.assert_array_equal(node.apply(g.reshape(6, 4))[0], g)
    node = ag.SumBackward(x)
    np.testing.assert_array_equal(node.apply(np.array(2.0))[0], np.full((2, 3, 4), 2.0))


def test_slice_node():
    x = tensor(4, 2)
    node = ag.SliceBackward(x, slice(0, 2))
    assert node.key == slice(0, 2)
    assert node.original_shape == (4, 2)
    g = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = np.concatenate([g, np.zeros((2, 2))])
    np.testing.assert_array_equal(node.apply(g)[0], expected)
    np.testing.assert_array_equal(np.squeeze(node.apply(g[None])[0]), expected)


def test_activation_nodes():
    x = Tensor(RNG.standard_normal((2, 3)), requires_grad=True)
    g = RNG.standard_normal((2, 3))
    (relu,) = ag.ReLUBackward(x).apply(g)
    np.testing.assert_allclose(relu, g * (x.data > 0), rtol=1e-6)
    y = Tensor(1 / (1 + np.exp(-x.data)))
    node = ag.SigmoidBackward(x, y)
    np.testing.assert_array_equal(node.output_data, y.data)
    np.testing.assert_allclose(node.apply(g)[0], g * y.data * (1 - y.data), rtol=1e-4, atol=1e-6)
    s = np.exp(x.data) / np.exp(x.data).sum(-1, keepdims=True)
    node = ag.SoftmaxBackward(x, Tensor(s), dim=-1)
    assert node.dim == -1
    expected = s * (g - (g * s).sum(-1, keepdims=True))
    np.testing.assert_allclose(node.apply(g)[0], expected, rtol=1e-4, atol=1e-5)
    sig = 1 / (1 + np.exp(-1.702 * x.data))
    expected = g * (sig + 1.702 * x.data * sig * (1 - sig))
    np.testing.assert_allclose(ag.GELUBackward(x).apply(g)[0], expected, rtol=1e-4, atol=1e-5)


def test_embedding_node_accumulates_rows():
    weight = tensor(5, 2)
    node = ag.EmbeddingBackward(weight, Tensor([1, 3, 1]))
    g = np.array([[1.0, 1.0], [2.0, 2.0], [10.0, 10.0]])
    (grad,) = node.apply(g)
    np.testing.assert_array_equal(grad, [[0, 0], [11, 11], [0, 0], [2, 2], [0, 0]])
    assert hasattr(node, "indices")


def test_loss_nodes():
    p, t = tensor(2, 3), tensor(2, 3, grad=False)
    node = ag.MSEBackward(p, t)
    assert node.num_samples == 6
    np.testing.assert_array_equal(node.targets_data, t.data)
    np.testing.assert_allclose(node.apply(np.array(1.0))[0], 2 * (p.data - t.data) / 6, rtol=1e-5)
    p = Tensor(RNG.uniform(0.1, 0.9, (4,)), requires_grad=True)
    t = Tensor([0, 1, 1, 0])
    expected = (p.data - t.data) / (p.data * (1 - p.data) * 4)
    np.testing.assert_allclose(ag.BCEBackward(p, t).apply(np.array(1.0))[0], expected, rtol=1e-4)
    logits = Tensor(RNG.standard_normal((3, 4)), requires_grad=True)
    node = ag.CrossEntropyBackward(logits, Tensor([0, 2, 3]))
    assert (node.batch_size, node.num_classes) == (3, 4)
    soft = np.exp(logits.data) / np.exp(logits.data).sum(-1, keepdims=True)
    expected = (soft - np.eye(4)[[0, 2, 3]]) / 3
    np.testing.assert_allclose(node.apply(np.array(1.0))[0], expected, rtol=1e-4, atol=1e-6)


class Square(ag.Function):
    def apply(self, grad_output):
        assert isinstance(grad_output, np.ndarray)
        (x,) = self.saved_tensors
        return (2 * x.data * grad_output, None)  # one entry too many is ignored


def square(x):
    result = Tensor(x.data**2)
    result.requires_grad = True
    result._grad_fn = Square(x)
    return result


def test_python_nodes_mix_with_the_engines():
    x = Tensor([1.0, 2.0], requires_grad=True)
    inner = x * 3
    middle = square(inner)
    outer = (middle + 1).sum()
    assert isinstance(middle._grad_fn, Square)
    outer.backward()
    np.testing.assert_array_equal(middle.grad, [1, 1])
    np.testing.assert_array_equal(inner.grad, [6, 12])
    np.testing.assert_array_equal(x.grad, [18, 36])


def test_broadcasting_of_python_nodes_is_undone():
    class Widen(ag.Function):
        def apply(self, grad_output):
            return (grad_output,)

    x = Tensor([[1.0, 2.0]], requires_grad=True)
    y = Tensor(np.broadcast_to(x.data, (3, 2)), requires_grad=True)
    y._grad_fn = Widen(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 3]])


def test_python_node_used_twice_and_long_chains():
    x = Tensor([1.0], requires_grad=True)
    y = square(x)
    (y + y).backward()
    assert x.grad[0] == 4
    z = x
    for _ in range(3000):
        nxt = Tensor(z.data, requires_grad=True)
        nxt._grad_fn = PassOn(z)
        z = nxt
    x.grad = None
    z.backward()
    assert x.grad[0] == 1


class PassOn(ag.Function):
    def apply(self, grad_output):
        return (grad_output,)


def test_an_error_in_a_python_node_comes_through():
    class Broken(ag.Function):
        def apply(self, grad_output):
            raise KeyError("here")

    x = Tensor([1.0], requires_grad=True)
    y = Tensor([1.0], requires_grad=True)
    y._grad_fn = Broken(x)
    with pytest.raises(KeyError, match="here"):
        (y * 2).backward()


def test_a_node_moved_to_a_tensor_with_one_more_axis():
    table = Tensor(RNG.standard_normal((6, 2)), requires_grad=True)
    rows = table[:3]
    batch = Tensor(rows.data[np.newaxis], requires_grad=True)
    batch._grad_fn = rows._grad_fn
    (batch * 2).sum().backward()
    expected = np.zeros((6, 2))
    expected[:3] = 2
    np.testing.assert_array_equal(table.grad, expected)


def test_nodes_of_convolution_and_pooling():
    x, w, b = tensor(1, 2, 5, 5), tensor(3, 2, 3, 3), tensor(3)
    y = ag._core.ops.conv2d(x, w, b, 2, 1)
    g = RNG.standard_normal(y.shape).astype(np.float32)
    node = Conv2dBackward(x, w, b, 2, 1, (3, 3), (1, 2, 7, 7))
    assert node.saved_tensors == (x, w, b)
    assert (node.stride, node.padding, node.kernel_size) == (2, 1, (3, 3))
    grads = node.apply(g)
    y.backward(g)
    for grad, t in zip(grads, (x, w, b), strict=True):
        np.testing.assert_allclose(grad, t.grad, rtol=1e-5, atol=1e-6)
    without = Conv2dBackward(x, w, None, 2, 1, (3, 3), (1, 2, 7, 7))
    assert without.saved_tensors == (x, w)
    assert len(without.apply(g)) == 3
    assert without.apply(g)[2] is None
    pool = MaxPool2dBackward(x, (1, 2, 2, 2), (2, 2), 2, 0)
    (grad,) = pool.apply(np.ones((1, 2, 2, 2)))
    assert grad.shape == x.shape
    assert grad.sum() == 8


def walk(tensor, gradient):
    """A backward pass in Python: what a program does that brings its own `Tensor.backward`."""
    tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient
    node = tensor._grad_fn
    if node is None:
        return
    for saved, entry in zip(node.saved_tensors, node.apply(gradient), strict=False):
        if isinstance(saved, Tensor) and saved.requires_grad and entry is not None:
            extra = tuple(range(entry.ndim - len(saved.shape)))
            walk(saved, entry.sum(axis=extra).reshape(saved.shape))


def test_engine_nodes_lead_to_their_operands():
    x, y, constant = tensor(2, 3), tensor(2, 3), tensor(2, 3, grad=False)
    assert (x * y)._grad_fn.saved_tensors == (x, y)
    assert (x + constant)._grad_fn.saved_tensors == (x, None)
    assert (x * 2)._grad_fn.saved_tensors == (x, None)


def test_a_graph_of_the_engine_can_be_walked_in_python():
    layer, x = Linear(3, 4), tensor(2, 3)

    def loss():
        return (layer(layer(x)[:, :3].reshape(2, 3)) * 2.0).sum()

    loss().backward()
    expected = [t.grad for t in (x, layer.weight, layer.bias)]
    for t in (x, layer.weight, layer.bias):
        t.grad = None
    walk(loss(), np.ones((), np.float32))  # nobody holds the intermediate results any more
    for t, grad in zip((x, layer.weight, layer.bias), expected, strict=True):
        np.testing.assert_allclose(t.grad, grad, rtol=1e-5)


def test_a_freed_operand_shows_its_shape_and_no_values():
    x = tensor(2, 3)
    operand = (x * 2 + 1)._grad_fn.saved_tensors[0]
    assert operand.shape == (2, 3)
    assert type(operand._grad_fn).__name__ == "MulBackward"
    assert np.isnan(operand.data).all()


def test_shape_nodes_of_results_know_the_shape_before():
    x = tensor(2, 6)
    for y in (x.reshape(3, 4), x[0]):
        assert y._grad_fn.original_shape == (2, 6)
        assert y._grad_fn.apply(np.ones(y.shape, np.float32))[0].shape == (2, 6)
