"""Module 01: a Tensor in plain NumPy, beside the package's."""

# %% [markdown]
# # Module 01: Tensor
# An array with a shape, and the operations that every later module needs.

# %%
import copy
import inspect
import pickle
import sys

import numpy as np

import tinytorch
from tinytorch.core.tensor import BYTES_PER_FLOAT32, KB_TO_BYTES, MB_TO_BYTES
from tinytorch.core.tensor import Tensor as Package


# %%
class Tensor:
    """The student's own, before autograd exists."""

    def __init__(self, data, requires_grad=False):
        self.data = np.array(data, dtype=np.float32)
        self.shape = self.data.shape
        self.size = self.data.size
        self.dtype = self.data.dtype
        self.requires_grad = requires_grad
        self.grad = None

    def __repr__(self):
        grad_info = f", requires_grad={self.requires_grad}" if self.requires_grad else ""
        return f"Tensor(data={self.data}, shape={self.shape}{grad_info})"

    def __str__(self):
        return f"Tensor({self.data})"

    def numpy(self):
        return self.data

    def __add__(self, other):
        return Tensor(self.data + (other.data if isinstance(other, Tensor) else other))

    def __sub__(self, other):
        return Tensor(self.data - (other.data if isinstance(other, Tensor) else other))

    def __mul__(self, other):
        return Tensor(self.data * (other.data if isinstance(other, Tensor) else other))

    def __truediv__(self, other):
        return Tensor(self.data / (other.data if isinstance(other, Tensor) else other))

    def __getitem__(self, key):
        return Tensor(self.data[key])

    def matmul(self, other):
        if not isinstance(other, Tensor):
            raise TypeError(f"Expected Tensor for matrix multiplication, got {type(other)}")
        if self.shape == () or other.shape == ():
            return Tensor(self.data * other.data)
        if len(self.shape) >= 2 and len(other.shape) >= 2 and self.shape[-1] != other.shape[-2]:
            raise ValueError(
                f"Cannot multiply {self.shape} @ {other.shape}. "
                f"Inner dimensions must match: {self.shape[-1]} ≠ {other.shape[-2]}"
            )
        return Tensor(np.matmul(self.data, other.data))

    def reshape(self, *shape):
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        if shape.count(-1) > 1:
            raise ValueError("Can only specify one unknown dimension with -1")
        if -1 not in shape and np.prod(shape) != self.size:
            raise ValueError(f"Total elements must match: {self.size} ≠ {int(np.prod(shape))}")
        return Tensor(self.data.reshape(shape))

    def transpose(self, dim0=None, dim1=None):
        if dim0 is None and dim1 is None:
            if self.data.ndim < 2:
                return Tensor(self.data.copy())
            return Tensor(np.swapaxes(self.data, -2, -1))
        if dim0 is None or dim1 is None:
            raise ValueError("Both dim0 and dim1 must be specified")
        return Tensor(np.swapaxes(self.data, dim0, dim1))

    def sum(self, axis=None, keepdims=False):
        return Tensor(np.sum(self.data, axis=axis, keepdims=keepdims))

    def mean(self, axis=None, keepdims=False):
        return Tensor(np.mean(self.data, axis=axis, keepdims=keepdims))

    def max(self, axis=None, keepdims=False):
        return Tensor(np.max(self.data, axis=axis, keepdims=keepdims))


# %%
CLASSES = (Tensor, Package)


def same(expression, *sources, tol=1e-6):
    """Evaluates `expression` of tensors of both classes made from the same sources."""
    own, package = (expression(*map(cls, sources)) for cls in CLASSES)
    assert isinstance(package, Package), type(package)
    assert package.shape == own.shape, (package.shape, own.shape)
    assert package.dtype == np.float32
    assert package.data.dtype == np.float32
    assert np.allclose(package.data, own.data, atol=tol, rtol=1e-5, equal_nan=True)
    return package


def same_error(expression, *sources):
    """Both classes refuse, with the same built-in type; returns the package's message."""
    messages = []
    types = []
    for cls in CLASSES:
        try:
            expression(*map(cls, sources))
        except Exception as error:
            types.append(type(error))
            messages.append(str(error))
        else:
            raise AssertionError(f"{cls} accepted what it must refuse")
    assert issubclass(types[1], types[0]), types
    return messages[1]


# %% [markdown]
# ## Creation
def test_unit_tensor_creation():
    for source in (5.0, 3, np.float64(2.5), np.int8(7), True, [1, 2], [[1.0], [2]], [], (1, 2)):
        own, package = Tensor(source), Package(source)
        assert package.shape == own.shape == np.shape(package.data)
        assert package.size == own.size
        assert np.array_equal(package.data, own.data)
        assert package.grad is None
        assert package.requires_grad is False
        assert isinstance(package.data, np.ndarray)
    for dtype in (np.int64, np.uint8, bool, np.float16, np.float64):
        assert Package(np.ones((2, 0, 3), dtype)).shape == (2, 0, 3)
        assert Package(np.ones(2, dtype)).dtype == np.float32
    source = np.arange(6.0).reshape(2, 3)
    tensor = Package(source)
    source[0, 0] = 99
    assert tensor.data[0, 0] == 0, "the constructor must copy"
    assert Package(source.T).data.flags["C_CONTIGUOUS"]
    assert not np.shares_memory(tensor.data, Package(tensor.data).data)
    for ragged in ([[1, 2], [3]], "text", ["a", "b"]):
        try:
            Package(ragged)
        except ValueError:
            pass
        else:
            raise AssertionError(f"accepted {ragged!r}")
    print("✅ creation")


def test_unit_representation():
    for source in (5.0, [1, 2], [[1.5, -2.25], [3, 4]], np.zeros((30, 40)), []):
        assert repr(Package(source)) == repr(Tensor(source))
        assert str(Package(source)) == str(Tensor(source))
        assert f"{Package(source)}" == f"{Tensor(source)}"
    assert repr(Package([1.0], requires_grad=True)) == repr(Tensor([1.0], requires_grad=True))
    print(Package([[1, 2], [3, 4]]), Package(7))


# %% [markdown]
# ## Arithmetic
def test_unit_arithmetic():
    a = [[1.0, 2, 3], [4, 5, 6]]
    row, column, scalar = [10.0, 20, 30], [[2.0], [4]], 2.0
    for b in (a, row, column, scalar):
        same(lambda x, y: x + y, a, b)
        same(lambda x, y: x - y, a, b)
        same(lambda x, y: x * y, a, b)
        same(lambda x, y: x / y, a, b)
    for number in (2, 0.5, np.float64(3.0), np.int32(4), np.array([1.0, 2, 3]), np.array(2)):
        same(lambda x, n=number: x + n, a)
        same(lambda x, n=number: x - n, a)
        same(lambda x, n=number: x * n, a)
        same(lambda x, n=number: x / n, a)
    with np.errstate(all="ignore"):
        same(lambda x, y: x / y, [1.0, -1, 0], [0.0, 0, 0])
    same(lambda x, y: (x - y) / y * 0.5 + x, a, row)
    assert "broadcast" in same_error(lambda x, y: x + y, a, [1.0, 2])
    x = Package(np.ones(3))
    before = id(x)
    x += 1
    assert id(x) != before, "+= makes a new tensor, as in the course"
    assert np.array_equal(x.data, [2, 2, 2])
    normalised = Package(a) - Package(a).mean()
    assert abs(float(normalised.data.mean())) < 1e-6
    print("✅ arithmetic")


def test_unit_matmul():
    rng = np.random.default_rng(1)
    for left, right in (
        [(2, 3), (3, 4)], [(2, 3), (3,)], [(3,), (3, 2)], [(3,), (3,)], [(), (2, 2)],
        [(0, 3), (3, 2)], [(2, 0), (0, 3)], [(2, 3, 4), (4, 5)], [(3, 4), (2, 4, 5)],
        [(2, 1, 3, 4), (5, 4, 6)], [(64, 33), (33, 65)],
    ):  # fmt: skip
        a, b = rng.normal(size=left), rng.normal(size=right)
        same(lambda x, y: x.matmul(y), a, b, tol=1e-5)
    text = same_error(lambda x, y: x.matmul(y), np.ones((2, 2)), np.ones((3, 2)))
    assert "Inner dimensions must match: 2 ≠ 3" in text
    assert "Expected Tensor" in same_error(lambda x: x.matmul([[1.0]]), np.ones((2, 2)))
    same_error(lambda x, y: x.matmul(y), np.ones(3), np.ones(4))
    same_error(lambda x, y: x.matmul(y), np.ones((2, 3, 4)), np.ones((3, 4, 5)))
    assert np.allclose((Package(np.eye(2)) @ Package([[1, 2], [3, 4]])).data, [[1, 2], [3, 4]])
    print("✅ matmul")


# %% [markdown]
# ## Shapes, indexing and reductions
def test_unit_shapes():
    a = np.arange(24).reshape(2, 3, 4)
    for shape in ((4, 6), (-1,), (2, -1), [24], (np.int64(8), 3), (2, 3, 2, 2)):
        same(lambda x, s=shape: x.reshape(*s), a)
        same(lambda x, s=shape: x.reshape(s), a)
    for dims in ((), (0, 1), (-2, -1), (2, 0), (None, None)):
        same(lambda x, d=dims: x.transpose(*d), a)
    for source in (3.0, [1.0, 2]):
        same(lambda x: x.transpose(), source)
    same(lambda x: x.reshape(0, 5), np.zeros((5, 0)))
    assert "Total elements must match: 24 ≠ 25" in same_error(lambda x: x.reshape(5, 5), a)
    assert "one unknown dimension" in same_error(lambda x: x.reshape(-1, -1), a)
    assert "Both dim0 and dim1 must be specified" in same_error(lambda x: x.transpose(0), a)
    x = Package(a)
    for view in (x.reshape(24), x.transpose(), x[0], x[:]):
        assert not np.shares_memory(view.data, x.data), "results are copies"
    batch, channels, width = x.shape
    assert (batch, channels, width) == (2, 3, 4)
    assert np.prod(x.shape) == x.size == 24
    assert all(type(n) is int for n in (*x.shape, x.size))


def test_unit_indexing():
    a = np.arange(24.0).reshape(2, 3, 4)
    keys = (
        0, -1, (0, 1), (1, 2, 3), slice(None), slice(None, None, -1), (..., 0), (slice(1), None),
        np.array([0, 1, 1]), [1, 0], np.array([True, False]), (0, [2, 0]), a > 5,
        (slice(None), slice(None), slice(1, 3)), np.int64(1), [],
    )  # fmt: skip
    for key in keys:
        same(lambda x, k=key: x[k], a)
    for bad in (5, (0, 9), -3):
        try:
            Package(a)[bad]
        except IndexError:
            continue
        raise AssertionError(f"accepted index {bad}")
    rows = list(Package(a))
    assert len(rows) == 2
    assert all(row.shape == (3, 4) for row in rows)
    _, second = Package([[1, 2], [3, 4]])
    assert np.array_equal(second.data, [3, 4])
    assert sum(float(v.data) for v in Package([1, 2, 3])) == 6


def test_unit_reductions():
    a = np.random.default_rng(0).normal(size=(2, 3, 4))
    for name in ("sum", "mean", "max"):
        for axis in (None, 0, 1, -1, (0, 1), (0, -1), (0, 1, 2)):
            for keepdims in (False, True):
                same(lambda x, n=name, k=(axis, keepdims): getattr(x, n)(*k), a)
                same(lambda x, n=name, k=axis: getattr(x, n)(axis=k, keepdims=True), a)
        assert list(inspect.signature(getattr(Package, name)).parameters)[:3] == [
            "self", "axis", "keepdims",
        ]  # fmt: skip
    same(lambda x: x.sum(axis=0), np.zeros((0, 3)))
    same_error(lambda x: x.max(), np.zeros(0))


# %% [markdown]
# ## The data array is the tensor
def test_unit_data_array():
    x = Package([[1, 2], [3, 4]])
    assert x.data is x.data
    assert x.numpy() is x.data
    x.data[0, 1] = 5
    x.data[x.data > 3.5] *= 10
    x.data += 1
    assert np.array_equal(x.data, [[2, 51], [4, 41]])
    assert np.array_equal((x + 0).data, x.data)
    x.data.fill(0.25)
    assert float(x.sum().data) == 1
    old = x.data
    x.data = np.arange(3, dtype=np.float64)
    assert np.array_equal(old, np.full((2, 2), 0.25, np.float32))
    assert (x.shape, x.size) == ((3,), 3)
    x.data[0] = 7
    assert (x * 2).data.dtype == np.float32
    assert np.array_equal((x * 2).data, [14, 2, 4])
    scalar = Package(5).data
    assert scalar.item() == float(scalar) == int(scalar) == 5
    assert hasattr(scalar, "item")
    assert f"{scalar:.4f}" == "5.0000"
    assert not np.isnan(scalar)
    assert scalar > 4.5
    assert scalar.shape == ()
    assert np.array(x.data.data).shape == (3,)
    tensor = Package([1.0])
    tensor.note, tensor.grad = "mine", tensor
    assert tensor.note == "mine"
    assert tensor.grad is tensor


def test_unit_python_protocols():
    x = Package([[1.5, 2], [3, 4]], requires_grad=True)
    x.grad = np.ones((2, 2), np.float32)
    x.label = "w"
    for clone in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert np.array_equal(clone.data, x.data)
        assert np.array_equal(clone.grad, x.grad)
        assert clone.requires_grad
        assert clone.label == "w"
        assert not np.shares_memory(clone.data, x.data)
    assert np.array_equal(np.array(x), x.data)
    assert np.allclose(x, x.data)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert len(x) == len(x.data) == 2
    assert (x == x) is True
    assert (x == Package(x.data)) is False
    assert x in [x]
    assert len({x, x}) == 1
    assert bool(Package(0)) is True
    for absent in ("parameters", "layers", "weight", "bias", "forward", "evaluate", "predict"):
        assert not hasattr(x, absent), absent
    assert sys.getsizeof(x) > 0
    assert (BYTES_PER_FLOAT32, KB_TO_BYTES, MB_TO_BYTES) == (4, 1024, 1048576)
    assert x.data.nbytes == x.size * BYTES_PER_FLOAT32


# %% [markdown]
# ## All together: a layer by hand
def test_module():
    test_unit_tensor_creation()
    test_unit_representation()
    test_unit_arithmetic()
    test_unit_matmul()
    test_unit_shapes()
    test_unit_indexing()
    test_unit_reductions()
    test_unit_data_array()
    test_unit_python_protocols()
    x, w, b = [[1.0, 2, 3], [4, 5, 6]], np.full((3, 2), 0.1), [0.5, -0.5]
    out = same(lambda x, w, b: (x.matmul(w) + b).mean(axis=1, keepdims=True), x, w, b)
    assert out.shape == (2, 1)
    assert tinytorch.Tensor is Package
    print("module 01: all checks passed")


if __name__ == "__main__":
    test_module()
