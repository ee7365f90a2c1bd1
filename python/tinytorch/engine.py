"""The engine beyond the course's float32 world: element types, shared memory, threads, memory.

The course's ``Tensor`` is always float32 and its results behave as copies. What is here gives the
wider power under names of its own: tensors of other element types, memory shared with NumPy and
(through DLPack) PyTorch, in-place operations, random generators, and the engine's counters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch import _core
from tinytorch.core.tensor import Tensor

__all__ = [
    "Generator",
    "active_isa",
    "add_",
    "copy_",
    "default_generator",
    "empty_memory_cache",
    "fill_",
    "from_dlpack",
    "from_numpy",
    "index_assign_",
    "kernel_calls",
    "manual_seed",
    "memory_stats",
    "num_threads",
    "ops",
    "reset_peak_memory",
    "set_num_threads",
    "supported_isas",
    "tensor",
]

ops = _core.ops
Generator = _core.Generator
default_generator = _core.default_generator
manual_seed = _core.manual_seed
num_threads = _core.num_threads
set_num_threads = _core.set_num_threads
active_isa = _core.active_isa
supported_isas = _core.supported_isas
kernel_calls = _core.kernel_calls
memory_stats = _core.memory_stats
reset_peak_memory = _core.reset_peak_memory
empty_memory_cache = _core.empty_memory_cache
add_ = _core.add_
copy_ = _core.copy_
fill_ = _core.fill_
index_assign_ = _core.index_assign_

_ENGINE_ONLY = ("bfloat16",)  # element types that NumPy does not have


def tensor(data: Any, dtype: Any = "float32", requires_grad: bool = False) -> Tensor:
    """A Tensor of any of the engine's element types; ``data`` is copied.

    Args:
        data: number, nested list, array or Tensor.
        dtype: float32, float64, bfloat16, float16, int64, int32, int8, uint8 or bool.
        requires_grad: floating-point types only.

    Raises:
        TypeError: a dtype the engine does not have, or ``requires_grad`` of an integer tensor.
    """
    if str(dtype) in _ENGINE_ONLY:
        made = ops.astype(tensor(data, "float32"), str(dtype))
        made.requires_grad = requires_grad
        return made
    if isinstance(data, Tensor):
        data = data.data
    return _over(np.array(data, dtype=np.dtype(dtype), order="C"), requires_grad)


def from_numpy(array: np.ndarray, requires_grad: bool = False) -> Tensor:
    """A Tensor over the memory of ``array``, without a copy: changes show on both sides.

    Raises:
        TypeError: not an ndarray, or an element type the engine does not have.
        ValueError: read-only or misaligned memory, which cannot be shared.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy needs an ndarray, got {type(array).__name__}")
    made = _over(array, requires_grad)
    if made.data is not array:
        raise ValueError(
            f"the memory of this {array.dtype} array cannot be shared (it is read-only, "
            "misaligned, not in C order, or of a type the engine does not have); "
            "use engine.tensor(array) to copy it"
        )
    return made


def from_dlpack(producer: Any) -> Tensor:
    """A Tensor over the memory of any object with ``__dlpack__`` (a PyTorch tensor), uncopied.

    Read-only memory is copied. The other way: ``torch.from_dlpack(t)``, ``numpy.from_dlpack(t)``.
    """
    if not hasattr(producer, "__dlpack__"):
        raise TypeError(f"{type(producer).__name__} does not export memory through __dlpack__")
    return _core.from_dlpack_capsule(producer.__dlpack__())


def _over(array: np.ndarray, requires_grad: bool) -> Tensor:
    made = Tensor.__new__(Tensor)
    made._set(array, requires_grad)
    return made
