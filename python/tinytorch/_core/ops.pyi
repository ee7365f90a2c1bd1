# The C++ engine, for type checkers; `make stubs` writes this file.
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinytorch.core.tensor import Tensor

from . import Generator

__all__: list[str] = [
    "abs",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add",
    "argmax",
    "argmin",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "clip",
    "concat",
    "conv2d",
    "cos",
    "cross_entropy",
    "cumsum",
    "div",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "eq",
    "erf",
    "exp",
    "expand",
    "flip",
    "gather",
    "ge",
    "gelu",
    "gelu_sigmoid",
    "gelu_tanh",
    "gt",
    "index",
    "kl_div",
    "layer_norm",
    "le",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "lt",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "ne",
    "neg",
    "packed_attention",
    "pad",
    "permute",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "reshape",
    "rms_norm",
    "rotary",
    "rsqrt",
    "scaled_dot_product_attention",
    "scatter_add",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "unsqueeze",
    "var",
    "where",
]

def abs(x: ArrayLike) -> Tensor:
    """|x|; gradient 0 at 0."""

def adaptive_avg_pool2d(x: ArrayLike, output_size: int | Sequence[int]) -> Tensor:
    """Mean over windows chosen so that the result has the given height and width."""

def adaptive_max_pool2d(x: ArrayLike, output_size: int | Sequence[int]) -> Tensor:
    """Largest value over windows chosen so that the result has the given height and width."""

def add(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a + b."""

def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the largest value (the first of equals), int64."""

def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the smallest value (the first of equals), int64."""

def astype(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """x converted to another element type."""

def avg_pool2d(
    x: ArrayLike,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
) -> Tensor:
    """Mean of each window, padding counted as zeros."""

def batch_norm(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-05,
    relu: bool = False,
) -> Tensor:
    """Normalisation per channel (axis 1) over all other axes (Ioffe & Szegedy 2015), with
    relu the larger of that and 0 in the same pass; running statistics are updated in
    place when training, with the biased variance.
    """

def binary_cross_entropy(p: ArrayLike, target: ArrayLike, eps: float = 1e-07) -> Tensor:
    """Mean of -(t log p + (1 - t) log(1 - p)), p limited to [eps, 1 - eps]; gradient for p."""

def binary_cross_entropy_with_logits(x: ArrayLike, target: ArrayLike) -> Tensor:
    """binary_cross_entropy of sigmoid(x), without overflow."""

def clip(x: ArrayLike, min: float | None = None, max: float | None = None) -> Tensor:
    """x limited to [min, max]; the gradient is 0 outside."""

def concat(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Tensors joined along an existing axis."""

def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of (N, C, H, W) with weight (O, C / groups, kh, kw)."""

def cos(x: ArrayLike) -> Tensor:
    """cosine of x in radians."""

def cross_entropy(logits: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0) -> Tensor:
    """Mean over rows of -log_softmax(logits)[target]; logits (..., C), target (...) of
    class indices.
    """

def cumsum(x: ArrayLike, axis: int) -> Tensor:
    """Running sum along an axis."""

def div(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a / b; division by zero gives inf or NaN."""

def dropout(x: ArrayLike, p: float = 0.5, generator: Generator | None = None) -> Tensor:
    """Elements zeroed with probability p, the others scaled by 1 / (1 - p)."""

def einsum(equation: str, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Einstein summation of two operands, as in 'bij,bjk->bik'."""

def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else a * (exp(x) - 1)."""

def embedding(weight: ArrayLike, indices: ArrayLike) -> Tensor:
    """Rows of weight (vocabulary, width): shape of indices + (width,)."""

def eq(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a == b."""

def erf(x: ArrayLike) -> Tensor:
    """error function, 2 / sqrt(pi) times the integral of exp(-t*t) from 0 to x."""

def exp(x: ArrayLike) -> Tensor:
    """e to the power x."""

def expand(x: ArrayLike, shape: int | Sequence[int]) -> Tensor:
    """Dimensions of size 1 repeated to the given sizes; -1 keeps a size."""

def flip(x: ArrayLike, axis: int | Sequence[int]) -> Tensor:
    """Values in reverse order along the given axes."""

def gather(x: ArrayLike, axis: int, index: ArrayLike) -> Tensor:
    """Values picked along an axis by an index of the same number of dimensions."""

def ge(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a >= b."""

def gelu(x: ArrayLike) -> Tensor:
    """x * Phi(x) with the normal distribution function Phi (exact, by erf)."""

def gelu_sigmoid(x: ArrayLike) -> Tensor:
    """x * sigmoid(1.702 x)."""

def gelu_tanh(x: ArrayLike) -> Tensor:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""

def gt(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a > b."""

def index(x: ArrayLike, key: Any) -> Tensor:
    """x[key] with NumPy's indexing; repeated places add up in the gradient."""

def kl_div(log_q: ArrayLike, p: ArrayLike) -> Tensor:
    """Mean over elements of p (log p - log_q); gradient for log_q."""

def layer_norm(
    x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None, eps: float = 1e-05
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axis (Ba et al. 2016)."""

def le(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a <= b."""

def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else a * x."""

def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """x @ weight + bias, weight of shape (in, out)."""

def log(x: ArrayLike) -> Tensor:
    """natural logarithm; -inf at 0, NaN below."""

def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """log(softmax(x)) along an axis, without overflow."""

def logsumexp(
    x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Tensor:
    """log(sum(exp(x))) over axes, without overflow."""

def lt(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a < b."""

def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Matrix product with NumPy's rules for vectors and batches."""

def max(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Largest value over axes; equal maxima share the gradient; ValueError for no elements."""

def max_pool2d(
    x: ArrayLike,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
) -> Tensor:
    """Largest value of each window; the first maximum receives the gradient; padding counts
    as -inf.
    """

def maximum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """the larger of a and b; NaN if either is."""

def mean(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over axes."""

def min(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Smallest value over axes; equal minima share the gradient; ValueError for no
    elements.
    """

def minimum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """the smaller of a and b; NaN if either is."""

def mse_loss(prediction: ArrayLike, target: ArrayLike) -> Tensor:
    """Mean of (prediction - target)^2."""

def mul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a * b."""

def ne(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a != b."""

def neg(x: ArrayLike) -> Tensor:
    """-x."""

def packed_attention(
    qkv: ArrayLike, heads: int, causal: bool = False, scale: float | None = None
) -> Tensor:
    """scaled_dot_product_attention of each head; qkv (..., L, 3 E) holds q, k and v side by
    side, E = heads * width; gives (..., L, E).
    """

def pad(x: ArrayLike, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    """Values added around: one (before, after) pair per dimension; negative widths cut."""

def permute(x: ArrayLike, axes: int | Sequence[int]) -> Tensor:
    """Dimensions in the given order."""

def pow(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a to the power b."""

def prod(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Product over axes."""

def reciprocal(x: ArrayLike) -> Tensor:
    """1 / x."""

def relu(x: ArrayLike) -> Tensor:
    """max(0, x); NaN passes through; gradient 0 at 0."""

def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Tensor:
    """The same values in another shape; one size may be -1."""

def rms_norm(x: ArrayLike, weight: ArrayLike | None = None, eps: float = 1e-06) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis (Zhang & Sennrich 2019)."""

def rotary(x: ArrayLike, cos: ArrayLike, sin: ArrayLike, heads: int | None = None) -> Tensor:
    """Rotary positions (Su et al. 2021): x (..., L, heads * size), tables cos and sin (at
    least L, size / 2), which get no gradients; values i and i + size / 2 of each head
    are turned as a pair. Only the first `heads` heads are, if given.
    """

def rsqrt(x: ArrayLike) -> Tensor:
    """1 / sqrt(x)."""

def scaled_dot_product_attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(q k^T * scale + mask) v; scale defaults to 1/sqrt(width); a boolean mask
    keeps where true, any other is added.
    """

def scatter_add(x: ArrayLike, axis: int, index: ArrayLike, source: ArrayLike) -> Tensor:
    """x with source added at the places of index along an axis."""

def sigmoid(x: ArrayLike) -> Tensor:
    """logistic function 1 / (1 + exp(-x))."""

def sign(x: ArrayLike) -> Tensor:
    """-1, 0 or 1; gradient 0."""

def silu(x: ArrayLike) -> Tensor:
    """x * sigmoid(x)."""

def sin(x: ArrayLike) -> Tensor:
    """sine of x in radians."""

def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """exp(x - max) / sum(exp(x - max)) along an axis."""

def softplus(x: ArrayLike) -> Tensor:
    """log(1 + exp(x)), without overflow."""

def split(x: ArrayLike, size_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Parts along an axis: equal parts of a size (the last may be smaller), or a list of
    sizes.
    """

def sqrt(x: ArrayLike) -> Tensor:
    """square root; NaN below 0."""

def square(x: ArrayLike) -> Tensor:
    """x * x."""

def squeeze(x: ArrayLike, axis: int | None = None) -> Tensor:
    """Dimensions of size 1 removed (all, or the given one)."""

def stack(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""

def std(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    correction: float = 1.0,
    keepdims: bool = False,
) -> Tensor:
    """Square root of var."""

def sub(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a - b."""

def sum(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Sum over axes."""

def tanh(x: ArrayLike) -> Tensor:
    """hyperbolic tangent."""

def transpose(x: ArrayLike, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""

def unsqueeze(x: ArrayLike, axis: int) -> Tensor:
    """A dimension of size 1 inserted."""

def var(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    correction: float = 1.0,
    keepdims: bool = False,
) -> Tensor:
    """sum((x - mean)^2) / (n - correction) over axes."""

def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """a where condition holds, else b; broadcasts."""
