"""The course's Tensor: float32 values with an autograd identity, over the C++ engine.

``Tensor`` derives from the engine's ``TensorBase``, which brings the attributes (``data``,
``grad``, ``requires_grad``, ``shape``, ``size``, ``dtype``, ``_grad_fn``) and the operators
``+ - * / **``, indexing and iteration. Every method here is a thin call into the engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch import _core

_F = _core.ops

BYTES_PER_FLOAT32 = 4
KB_TO_BYTES = 1024
MB_TO_BYTES = 1024 * 1024


class Gradient(np.ndarray):
    """An ndarray whose ``.data`` is an ndarray over the same memory, assignable in place.

    ``backward()`` stores gradients as this type, so that both ``t.grad * 0.1`` and
    ``t.grad.data * 0.1`` mean what they say.
    """

    # ndarray.data is a memoryview; the course reads and assigns `t.grad.data` as an array.
    @property  # type: ignore[override]
    def data(self) -> np.ndarray:
        return self.view(np.ndarray)

    @data.setter
    def data(self, value: Any) -> None:
        self[...] = value


def _as_float32(data: Any) -> np.ndarray:
    """A fresh C-order float32 array of ``data``; NumPy's errors, or ours where it is silent."""
    if isinstance(data, _core.TensorBase):
        return np.array(data.data, dtype=np.float32, order="C")
    if type(data) is np.ndarray and data.dtype == np.float32:
        copy: np.ndarray = data.copy(order="C")
        return copy
    kind = getattr(getattr(data, "dtype", None), "kind", None)
    if kind is None:
        try:
            kind = np.asarray(data).dtype.kind
        except ValueError as error:
            raise ValueError(f"cannot make a Tensor of a ragged list: {error}") from None
    if kind in "USMmV":
        raise ValueError(f"a Tensor holds numbers, got {data!r:.60}")
    if kind == "c":
        raise TypeError("a Tensor holds real numbers, got complex ones; take .real or .imag first")
    if data is None:
        raise TypeError("cannot make a Tensor of None; give numbers, a list or an array")
    return np.array(data, dtype=np.float32, order="C")


class Tensor(_core.TensorBase):
    """A float32 array that records the operations on it.

    Args:
        data: number, nested list or array of any real dtype; always copied, converted to float32.
        requires_grad: whether operations on this tensor are recorded for ``backward()``.
        dtype: accepted for compatibility; anything that means float32.

    Raises:
        ValueError: ragged lists, text, or a dtype that is not float32.
        TypeError: complex numbers, None.
    """

    __array_priority__ = 1000.0  # ndarray * Tensor asks the Tensor
    _autograd_enabled = True

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None) -> None:
        if dtype is not None and np.dtype(dtype) != np.float32:
            raise ValueError(f"a Tensor is float32, got dtype={dtype!r}; leave dtype out")
        self._set(_as_float32(data), requires_grad)

    def __repr__(self) -> str:
        flag = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor(data={self.data}, shape={self.shape}{flag})"

    def __str__(self) -> str:
        return f"Tensor({self.data})"

    def __format__(self, spec: str) -> str:
        return format(self.data.item() if spec and self.size == 1 else str(self), spec)

    def numpy(self) -> np.ndarray:
        """The ``data`` array itself."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.data
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"cannot view {array.dtype} as {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.data.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    def item(self) -> float:
        """The only element as a Python number. ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item() needs a tensor of one element, got shape {self.shape}")
        value: float = self.data.item()
        return value

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        return _rebuild, (type(self), np.array(self.data), self.requires_grad, self.grad, state)

    def __matmul__(self, other: Any) -> Tensor:
        return self.matmul(other)

    def matmul(self, other: Tensor) -> Tensor:
        """Matrix product with NumPy's rules; a 0-d operand multiplies elementwise.

        Raises:
            TypeError: ``other`` is not a Tensor.
            ValueError: inner dimensions differ, or batch dimensions do not broadcast.
        """
        if not isinstance(other, _core.TensorBase):
            raise TypeError(f"Expected Tensor to multiply with, got {type(other).__name__}")
        if self.ndim == 0 or other.ndim == 0:
            return _F.mul(self, other)
        return _F.matmul(self, other)

    def reshape(self, *shape: Any) -> Tensor:
        """The same values in another shape: ints, or one tuple or list; one size may be -1."""
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        return _F.reshape(self, shape)

    def transpose(self, dim0: Any = None, dim1: int | None = None) -> Tensor:
        """Two dimensions exchanged; without arguments the last two (below 2-D, a copy).

        One tuple orders all dimensions, as NumPy's transpose does.
        """
        if dim0 is not None and dim1 is not None:
            return _F.transpose(self, dim0, dim1)
        if isinstance(dim0, (tuple, list)):
            return _F.permute(self, dim0)
        if (dim0 is None) != (dim1 is None):
            raise ValueError("Both dim0 and dim1 must be specified, or neither")
        if self.ndim < 2:
            return _F.reshape(self, self.shape)
        return _F.transpose(self, -2, -1)

    @property
    def T(self) -> Tensor:
        return self.transpose()

    def flatten(self, start_dim: int = 0) -> Tensor:
        """Dimensions from ``start_dim`` on as one."""
        return _F.reshape(self, (*self.shape[:start_dim], -1 if self.size else 0))

    # np.sum(t), np.mean(t) and np.max(t) call the method with NumPy's `dtype` and `out`.

    def sum(
        self, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, out: Any = None
    ) -> Tensor:
        """Sum over an axis, a tuple of axes, or all."""
        _refuse_numpy_options(dtype, out)
        return _F.sum(self, axis, keepdims)

    def mean(
        self, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, out: Any = None
    ) -> Tensor:
        """Arithmetic mean over an axis, a tuple of axes, or all."""
        _refuse_numpy_options(dtype, out)
        return _F.mean(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False, *, out: Any = None) -> Tensor:
        """Largest value over an axis, a tuple of axes, or all. ValueError if there is none."""
        _refuse_numpy_options(None, out)
        return _F.max(self, axis, keepdims)

    def sqrt(self) -> Tensor:
        """Elementwise square root."""
        return _F.sqrt(self)

    def detach(self) -> Tensor:
        """A copy outside the graph."""
        return type(self)(self.data)

    @property
    def grad_fn(self) -> Any:
        return self._grad_fn

    def backward(self, gradient: Any = None, free_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``.grad`` of everything it was computed from.

        Does nothing if ``requires_grad`` is off. The graph is kept, so that a second call adds a
        second time; ``free_graph=True`` lets it go, which saves memory in training loops.

        Args:
            gradient: array, Tensor, list or number of this tensor's shape; ones for one element.

        Raises:
            ValueError: no gradient given for a non-scalar tensor.
        """
        _core.backward(self, gradient, free_graph)

    def zero_grad(self) -> None:
        """Set ``grad`` to None."""
        self.grad = None

    def register_hook(self, hook: Any) -> HookHandle:
        """Call ``hook(gradient)`` whenever backward reaches this tensor.

        The hook sees an ndarray; an array that it returns takes the gradient's place.
        """
        return HookHandle(self, _core.add_hook(self, hook))


def _refuse_numpy_options(dtype: Any, out: Any) -> None:
    if out is not None or (dtype is not None and np.dtype(dtype) != np.float32):
        raise TypeError("reductions of a Tensor give a float32 Tensor: no dtype, no out")


class HookHandle:
    """Takes a hook off its tensor: ``handle.remove()``."""

    def __init__(self, tensor: Tensor, hook_id: int) -> None:
        self._tensor, self._id = tensor, hook_id

    def remove(self) -> None:
        _core.remove_hook(self._tensor, self._id)


def _rebuild(
    cls: type[Tensor], data: np.ndarray, requires_grad: bool, grad: Any, state: dict[str, Any]
) -> Tensor:
    tensor = cls.__new__(cls)
    tensor._set(np.array(data), requires_grad)
    if grad is not None:
        tensor.grad = grad
    tensor.__dict__.update(state)
    return tensor


def Parameter(data: Any, requires_grad: bool = True) -> Tensor:
    """A Tensor with ``requires_grad`` set; an existing Tensor is flagged and returned."""
    if isinstance(data, Tensor):
        data.requires_grad = requires_grad
        return data
    return Tensor(data, requires_grad=requires_grad)


_core.set_tensor_class(Tensor, Gradient)
