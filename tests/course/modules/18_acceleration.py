"""Module 18: vectorised, tiled and fused operations in plain NumPy, beside the package's."""

# %%
import math
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tinytorch.core.activations import GELU
from tinytorch.core.tensor import Tensor
from tinytorch.perf import acceleration as package
from tinytorch.perf.profiling import Profiler


# %%
def naive_matmul(a, b):
    rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
    out = np.zeros((rows, columns), dtype=np.float64)
    for i in range(rows):
        for j in range(columns):
            for k in range(inner):
                out[i, j] += float(a.data[i, k]) * float(b.data[k, j])
    return Tensor(out)


def vectorized_matmul(a, b):
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ValueError(f"Matrix multiplication requires 2D+ tensors, got {a.shape}, {b.shape}")
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"Matrix multiplication shape mismatch: {a.shape} @ {b.shape}")
    return Tensor(np.matmul(a.data, b.data))


def tiled_matmul(a, b, tile_size=64):
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ValueError("tiled_matmul needs 2D+ tensors")
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"Shape mismatch: {a.shape} @ {b.shape}")
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(0, a.shape[0], tile_size):
        for j in range(0, b.shape[1], tile_size):
            for k in range(0, a.shape[1], tile_size):
                left = a.data[i : i + tile_size, k : k + tile_size]
                right = b.data[k : k + tile_size, j : j + tile_size]
                out[i : i + tile_size, j : j + tile_size] += left @ right
    return Tensor(out)


def fused_gelu(x):
    c = np.sqrt(2.0 / np.pi)
    return Tensor(0.5 * x.data * (1.0 + np.tanh(c * (x.data + 0.044715 * x.data**3))))


def unfused_gelu(x):
    """Operation by operation, each making a tensor."""
    cubed = x * x * x
    inner = (x + cubed * 0.044715) * math.sqrt(2.0 / math.pi)
    tanh = Tensor(np.tanh(inner.data))
    return x * (tanh + 1.0) * 0.5


# %%
def randn(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape))


def message(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("no ValueError")


def test_unit_vectorized_matmul():
    for left, right in (
        [(2, 3), (3, 4)], [(1, 1), (1, 1)], [(5, 2, 3), (3, 4)], [(2, 1, 3, 4), (5, 4, 2)],
        [(0, 3), (3, 2)], [(2, 0), (0, 3)], [(31, 17), (17, 65)],
    ):  # fmt: skip
        a, b = randn(*left), randn(*right, seed=1)
        own, other = vectorized_matmul(a, b), package.vectorized_matmul(a, b)
        assert other.shape == own.shape
        assert np.allclose(own.data, other.data, atol=1e-5)
        assert other.data.dtype == np.float32
    small = naive_matmul(randn(6, 5), randn(5, 7))
    assert np.allclose(
        package.vectorized_matmul(randn(6, 5), randn(5, 7)).data, small.data, atol=1e-5
    )
    tracked = Tensor(np.ones((2, 2)), requires_grad=True)
    assert not package.vectorized_matmul(tracked, tracked).requires_grad
    for function in (vectorized_matmul, package.vectorized_matmul):
        assert "2D+" in message(lambda f=function: f(randn(3), randn(3, 2)))
        assert "shape mismatch" in message(lambda f=function: f(randn(2, 3), randn(2, 3))).lower()


def test_unit_tiled_matmul():
    for shape in ((64, 64, 64), (100, 37, 53), (3, 200, 5)):
        a, b = randn(shape[0], shape[1]), randn(shape[1], shape[2], seed=1)
        expected = a.data.astype(np.float64) @ b.data
        for tile in (1, 7, 32, 64, 1000) if shape[0] < 10 else (16, 32, 64, 1000):
            own, other = tiled_matmul(a, b, tile), package.tiled_matmul(a, b, tile_size=tile)
            assert np.allclose(other.data, own.data, atol=1e-4)
            assert np.allclose(other.data, expected, atol=1e-4)
        assert np.allclose(package.tiled_matmul(a, b).data, expected, atol=1e-4)
    for function in (tiled_matmul, package.tiled_matmul):
        assert "2D+" in message(lambda f=function: f(randn(3), randn(3, 2)))
        assert "Shape mismatch" in message(lambda f=function: f(randn(2, 3), randn(2, 3)))


def test_unit_fused_gelu():
    for x in (
        Tensor([-10.0, -1, 0, 1, 10]),
        randn(4, 5, 6),
        Tensor(0.5),
        Tensor([]),
        randn(500, 500),
    ):
        own, fused, unfused = fused_gelu(x), package.fused_gelu(x), unfused_gelu(x)
        assert fused.shape == x.shape
        assert fused.data.dtype == np.float32
        assert np.all(np.isfinite(fused.data))
        assert np.allclose(fused.data, own.data, atol=1e-6)
        assert np.allclose(fused.data, unfused.data, atol=1e-5)
        assert np.allclose(fused.data, GELU()(x).data, atol=0.03), "two approximations of GELU"
    assert package.fused_gelu(Tensor([0.0])).data[0] == 0


# %% [markdown]
# ## Systems: memory, time, threads
def test_memory_and_time():
    x = randn(1000, 1000)
    tracemalloc.start()
    unfused_gelu(x)
    _, unfused_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert unfused_peak > 0
    timings = {}
    for name, function in (("unfused", unfused_gelu), ("fused", package.fused_gelu)):
        start = time.perf_counter()
        for _ in range(3):
            x.grad = None
            function(x)
        timings[name] = (time.perf_counter() - start) / 3 * 1000
        print(f"{name:8} {timings[name]:8.3f} ms")
    flops = 2 * 256**3

    class Wrapper:
        def forward(self, x):
            return package.vectorized_matmul(x, x)

    latency = Profiler().measure_latency(Wrapper(), randn(256, 256), warmup=1, iterations=3)
    print(f"{flops / (latency / 1000) / 1e9:.2f} GFLOP/s")
    assert latency > 0


def test_threads():
    matrices = [(randn(80, 60, seed=i), randn(60, 70, seed=i + 1)) for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda pair: package.vectorized_matmul(*pair), matrices))
    for (a, b), result in zip(matrices, results, strict=True):
        assert np.allclose(result.data, a.data @ b.data, atol=1e-4)


def test_arrays_in_and_out():
    tensors = [randn(8, 8, seed=i) for i in range(3)]
    product = tensors[0]
    for t in tensors[1:]:
        raw = package.vectorized_matmul(product, t)
        product = Tensor(raw.data if isinstance(raw, Tensor) else raw)
    expected = tensors[0].data @ tensors[1].data @ tensors[2].data
    assert np.allclose(product.data, expected, atol=1e-4)
    optimized = package.Accelerator().optimized_matmul(tensors[0], tensors[1])
    assert np.allclose(optimized.data, tensors[0].matmul(tensors[1]).data, rtol=1e-5, atol=1e-8)


def test_module():
    test_unit_vectorized_matmul()
    test_unit_tiled_matmul()
    test_unit_fused_gelu()
    test_memory_and_time()
    test_threads()
    test_arrays_in_and_out()
    print("module 18: all checks passed")


if __name__ == "__main__":
    test_module()
