# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinytorch.core.tensor import Tensor

from . import capstone, data, io, models, ops, optim, quant, roofline, runtime, sparse, text

__all__: list[str] = [
    "Generator",
    "Node",
    "TensorBase",
    "active_isa",
    "add_",
    "add_hook",
    "backward",
    "capstone",
    "copy_",
    "cpu_features",
    "cpu_name",
    "data",
    "default_generator",
    "empty_memory_cache",
    "fill_",
    "from_dlpack_capsule",
    "index_assign_",
    "io",
    "is_autocast_enabled",
    "is_grad_enabled",
    "kernel_calls",
    "manual_seed",
    "memory_stats",
    "models",
    "num_threads",
    "operator_registry",
    "ops",
    "optim",
    "quant",
    "remove_hook",
    "reset_peak_memory",
    "roofline",
    "runtime",
    "set_autocast_enabled",
    "set_grad_enabled",
    "set_node_factory",
    "set_num_threads",
    "set_tensor_class",
    "sparse",
    "supported_isas",
    "text",
    "version",
]

class TensorBase:
    @property
    def _grad_fn(self) -> Any:
        """The operation that made this tensor, or None."""

    @_grad_fn.setter
    def _grad_fn(self, value: Any) -> None: ...
    @property
    def data(self) -> np.ndarray:
        """The values as a writable ndarray over the tensor's memory."""

    @data.setter
    def data(self, value: ArrayLike) -> None: ...
    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type as a NumPy dtype."""

    @property
    def grad(self) -> Any:
        """None, or the gradient that backward() added up."""

    @grad.setter
    def grad(self, value: Any) -> None: ...
    @property
    def ndim(self) -> int:
        """Number of dimensions."""

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes as a tuple of ints."""

    @property
    def size(self) -> int:
        """Number of elements."""

    def _set(self, array: np.ndarray, requires_grad: bool) -> None: ...
    def __abs__(self) -> Tensor: ...
    def __bool__(self) -> bool: ...
    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __len__(self) -> int: ...
    def __neg__(self) -> Tensor: ...
    def __pow__(self, other: ArrayLike, modulus: None = None, /) -> Tensor: ...
    def __rpow__(self, other: ArrayLike, modulus: None = None, /) -> Tensor: ...
    def __add__(self, other: ArrayLike, /) -> Tensor: ...
    def __radd__(self, other: ArrayLike, /) -> Tensor: ...
    def __sub__(self, other: ArrayLike, /) -> Tensor: ...
    def __rsub__(self, other: ArrayLike, /) -> Tensor: ...
    def __mul__(self, other: ArrayLike, /) -> Tensor: ...
    def __rmul__(self, other: ArrayLike, /) -> Tensor: ...
    def __truediv__(self, other: ArrayLike, /) -> Tensor: ...
    def __rtruediv__(self, other: ArrayLike, /) -> Tensor: ...

class Node:
    """One operation in the engine's gradient graph."""

    def __reduce__(self) -> tuple[Any, ...]: ...
    def apply(self, grad_output: ArrayLike) -> tuple[Any, ...]: ...
    @property
    def inputs(self) -> list[Tensor | None]:
        """The tensor of each input; None for inputs that need no gradient. The values of an
        intermediate result that was freed meanwhile are NaN.
        """

    @property
    def name(self) -> str: ...
    @property
    def next_nodes(self) -> list[Node | None]:
        """The _grad_fn of each input; None for leaves and inputs that need no gradient."""

    @property
    def output_shape(self) -> tuple[int, ...]: ...

class Generator:
    """Counter-based random numbers (Philox4x32-10): the same stream for a seed on every
    machine and for any number of threads.
    """

    def __init__(self, seed: int = 0) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def below(self, bound: int) -> int:
        """An unbiased integer in [0, bound)."""

    def manual_seed(self, seed: int) -> None: ...
    def normal(self, shape: int | Sequence[int], mean: float = 0.0, std: float = 1.0) -> Tensor:
        """Normal (Box-Muller)."""

    def permutation(self, n: int) -> np.ndarray:
        """0 .. n-1 in random order, as an int64 ndarray (Fisher-Yates)."""

    def uniform(self, shape: int | Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in [low, high)."""

    @property
    def position(self) -> int:
        """Blocks of four values drawn so far; assignable, to resume a stream."""

    @position.setter
    def position(self, arg1: int) -> None: ...
    @property
    def seed(self) -> int: ...

def active_isa() -> str: ...
def add_(tensor: Tensor, other: Tensor) -> Tensor:
    """tensor += other, in its memory."""

def add_hook(tensor: Tensor, hook: Callable[[np.ndarray], Any]) -> int: ...
def backward(
    tensor: Tensor, gradient: ArrayLike | None = None, free_graph: bool = False
) -> None: ...
def copy_(tensor: Tensor, other: Tensor) -> Tensor:
    """Overwrite tensor with other, broadcast."""

def cpu_features() -> list[str]: ...
def cpu_name() -> str: ...
def default_generator() -> Generator: ...
def empty_memory_cache() -> None: ...
def fill_(tensor: Tensor, value: float) -> Tensor:
    """Overwrite every element with a number."""

def from_dlpack_capsule(capsule: Any) -> Tensor:
    """A Tensor over the memory of a DLPack capsule (copied if it is read-only)."""

def index_assign_(tensor: Tensor, key: Any, value: Tensor) -> Tensor:
    """tensor[key] = value."""

def is_autocast_enabled() -> bool: ...
def is_grad_enabled() -> bool: ...
def kernel_calls() -> dict[str, int]:
    """Calls of each kernel family (unary, gemm, softmax, ...) since the process started."""

def manual_seed(seed: int) -> None:
    """Seed the engine's default generator."""

def memory_stats() -> dict[str, int]:
    """Bytes held by arrays now and at most, bytes cached for reuse, number of allocations."""

def num_threads() -> int:
    """Threads that work takes part on."""

def operator_registry() -> dict[str, dict[str, Any]]:
    """All operators: name -> {kind, signature, doc, gradient}."""

def remove_hook(tensor: Tensor, id: int) -> None: ...
def reset_peak_memory() -> None: ...
def set_autocast_enabled(enabled: bool) -> None: ...
def set_grad_enabled(enabled: bool) -> None: ...
def set_node_factory(arg0: Callable[..., Any]) -> None: ...
def set_num_threads(count: int) -> None: ...
def set_tensor_class(tensor_class: type, grad_class: type) -> None: ...
def supported_isas() -> list[str]: ...

version: str
