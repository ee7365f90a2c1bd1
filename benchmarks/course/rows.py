"""One row or more per module of the course: the same work by tinytorch, plain NumPy and PyTorch.

A contender is a function without arguments, or None where it has no such operation. Contenders of a
row share their inputs; `check` compares what they return before anything is timed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch.bench import Benchmark
from tinytorch.capstone import (
    BenchmarkReport,
    SimpleMLP,
    generate_submission,
    save_submission,
    validate_submission_schema,
)
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.embeddings import Embedding
from tinytorch.core.spatial import Conv2d, MaxPool2d
from tinytorch.core.tokenization import BPETokenizer
from tinytorch.core.transformer import GPT, create_causal_mask
from tinytorch.datasets import TinyDigits
from tinytorch.perf.acceleration import fused_gelu, vectorized_matmul
from tinytorch.perf.compression import magnitude_prune
from tinytorch.perf.memoization import disable_kv_cache, enable_kv_cache
from tinytorch.perf.profiling import Profiler
from tinytorch.perf.quantization import QuantizedLinear, quantize_int8

from . import plain_numpy as plain

torch: Any = None  # set by all_rows() where PyTorch takes part

Contender = Callable[[], Any]


@dataclass
class Row:
    module: str
    operation: str
    tinytorch: Contender
    numpy: Contender | None
    torch: Contender | None = None
    check: Callable[[Any], np.ndarray] | None = None  # the comparable part of a result
    tolerance: float = 1e-4


def untracked(fn: Contender) -> Contender:
    def call() -> Any:
        with no_grad():
            return fn()

    return call


def torch_untracked(fn: Contender) -> Contender | None:
    if torch is None:
        return None

    def call() -> Any:
        with torch.no_grad():
            return fn()

    return call


def as_array(value: Any) -> np.ndarray:
    if isinstance(value, tt.Tensor):
        return value.data
    return value.numpy() if torch is not None and isinstance(value, torch.Tensor) else value


def _torch_linear(layer: Any) -> Any:
    made = torch.nn.Linear(*layer.weight.shape)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(layer.weight.data.T.copy()))
        made.bias.copy_(torch.from_numpy(layer.bias.data.copy()))
    return made


def elementwise_rows(rng: np.random.Generator) -> list[Row]:
    a = rng.standard_normal((1000, 1000), dtype=np.float32)
    b = rng.standard_normal((1000, 1000), dtype=np.float32)
    bias = rng.standard_normal(1000, dtype=np.float32)
    vector = rng.standard_normal(10_000, dtype=np.float32)
    logits = rng.standard_normal((256, 1000), dtype=np.float32)
    labels = rng.integers(0, 1000, 256)
    big = rng.standard_normal((2000, 2000), dtype=np.float32)
    A, B, V, L, Y, G = map(tt.Tensor, (a, b, vector, logits, labels, big))
    C = tt.Tensor(bias)
    softmax, gelu, loss = tt.Softmax(), tt.GELU(), tt.CrossEntropyLoss()
    shared = {"a": a, "b": b, "c": bias, "v": vector, "l": logits, "y": labels, "g": big}
    t = {} if torch is None else {name: torch.from_numpy(v) for name, v in shared.items()}
    gelu_torch = torch_untracked(lambda: torch.nn.functional.gelu(t["g"], approximate="tanh"))
    return [
        Row("01 tensor", "matmul 1000 x 1000", lambda: A.matmul(B), lambda: a @ b,
            torch_untracked(lambda: t["a"] @ t["b"]), as_array, 1e-3),
        Row("01 tensor", "add a row to 1000 x 1000", lambda: A + C, lambda: a + bias,
            torch_untracked(lambda: t["a"] + t["c"]), as_array),
        Row("02 activations", "softmax over 10,000", untracked(lambda: softmax.forward(V)),
            lambda: plain.softmax(vector), torch_untracked(lambda: torch.softmax(t["v"], -1)),
            as_array),
        Row("02 activations", "GELU of 1,000,000", untracked(lambda: gelu.forward(A)),
            lambda: plain.gelu(a), torch_untracked(lambda: torch.nn.functional.gelu(t["a"])),
            as_array, 2e-2),
        Row("04 losses", "cross entropy 256 x 1000", untracked(lambda: loss.forward(L, Y)),
            lambda: plain.cross_entropy(logits, labels),
            torch_untracked(lambda: torch.nn.functional.cross_entropy(t["l"], t["y"])), as_array),
        Row("18 acceleration", "vectorized_matmul 1000 x 1000", lambda: vectorized_matmul(A, B),
            lambda: a @ b, torch_untracked(lambda: t["a"] @ t["b"]), as_array, 1e-3),
        Row("18 acceleration", "fused GELU 2000 x 2000", untracked(lambda: fused_gelu(G)),
            lambda: plain.gelu_tanh(big), gelu_torch, as_array),
    ]  # fmt: skip


def linear_rows(rng: np.random.Generator) -> list[Row]:
    x = rng.standard_normal((64, 784), dtype=np.float32)
    layer = tt.Linear(784, 256)
    w, b = layer.weight.data, layer.bias.data
    X = tt.Tensor(x)
    quantized = QuantizedLinear(layer)
    quantized.calibrate([X])
    q, scale, zero = plain.quantize_int8(w)
    weights = [rng.standard_normal((1000, 1000), dtype=np.float32)]

    def dequantized() -> np.ndarray:
        return x @ ((q.astype(np.float32) - zero) * np.float32(scale)) + b

    prunable = tt.Linear(1000, 1000)
    prunable.bias = None

    def pruned() -> Any:
        prunable.weight.data = weights[0]
        return magnitude_prune(_Layers(prunable), 0.5)

    W = tt.Tensor(weights[0])
    t_layer = _torch_linear(layer) if torch is not None else None
    t_x = torch.from_numpy(x) if torch is not None else None
    return [
        Row("03 layers", "Linear 784 to 256, batch 64", untracked(lambda: layer.forward(X)),
            lambda: x @ w + b, torch_untracked(lambda: t_layer(t_x)), as_array),
        Row("15 quantization", "quantize 1,000,000 weights", lambda: quantize_int8(W)[0],
            lambda: plain.quantize_int8(weights[0])[0], None, as_array, 1.01),
        Row("15 quantization", "QuantizedLinear 784 to 256, batch 64",
            lambda: quantized.forward(X), dequantized, None, as_array, 0.2),
        Row("16 compression", "magnitude prune 1,000,000 weights", pruned,
            lambda: plain.magnitude_prune(weights, 0.5), None),
    ]  # fmt: skip


class _Layers:
    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for p in layer.parameters()]


def training_rows() -> list[Row]:
    images, labels = TinyDigits().raw("train")
    flat = (images.reshape(len(images), -1) / np.float32(16)).astype(np.float32)
    labels = labels.astype(np.int64)
    np.random.seed(0)
    model = _Layers(tt.Linear(64, 128), tt.ReLU(), tt.Linear(128, 10))
    loss = tt.CrossEntropyLoss()
    X, Y = tt.Tensor(flat[:32]), tt.Tensor(labels[:32])
    start = [p.data.copy() for p in model.parameters()]
    adam = tt.Adam(model.parameters(), lr=1e-3)
    ours_data = TensorDataset(tt.Tensor(flat), tt.Tensor(labels))
    loader = DataLoader(ours_data, 32, shuffle=True)

    def gradients() -> Any:
        for p in model.parameters():
            p.grad = None
        loss.forward(model.forward(X), Y).backward()
        return model.layers[0].weight.grad

    def epoch() -> None:
        for x, y in loader:
            adam.zero_grad()
            loss.forward(model.forward(x), y).backward()
            adam.step()

    mine = [p.copy() for p in start]
    mine_adam = plain.Adam(mine)
    rng = np.random.default_rng(0)

    def numpy_epoch() -> None:
        for x, y in plain.batches(flat, labels, 32, rng):
            mine_adam.step(plain.mlp_step(mine, x, y))

    t = _torch_training(start, flat, labels) if torch is not None else {}
    return [
        Row("05 autograd", "MLP 64-128-10: forward and backward, batch 32", gradients,
            lambda: plain.mlp_step(start, flat[:32], labels[:32])[0], t.get("gradients"), as_array),
        *_optimizer_rows(),
        Row("07 training", "one epoch of digits, batch 32", epoch, numpy_epoch, t.get("epoch")),
        Row("08 dataloader", "one pass over digits, shuffled, batch 32",
            lambda: sum(1 for _ in loader),
            lambda: sum(1 for _ in plain.batches(flat, labels, 32, rng)), t.get("loader"),
            np.asarray),
    ]  # fmt: skip


def _torch_training(start: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Contender]:
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    with torch.no_grad():
        for p, value in zip(model.parameters(), start, strict=True):
            p.copy_(torch.from_numpy(value.T.copy()))
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    X, Y = torch.from_numpy(x), torch.from_numpy(y)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), 32, shuffle=True)

    def gradients(a: Any = X[:32], b: Any = Y[:32]) -> Any:
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(a), b).backward()
        return model[0].weight.grad.T

    def epoch() -> None:
        for a, b in loader:
            gradients(a, b)
            adam.step()

    return {"gradients": gradients, "epoch": epoch, "loader": lambda: sum(1 for _ in loader)}


def _optimizer_rows() -> list[Row]:
    rng = np.random.default_rng(1)
    shapes = [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)]
    values = [rng.standard_normal(s, dtype=np.float32) for s in shapes]
    grads = [rng.standard_normal(s, dtype=np.float32) for s in shapes]
    ours = [tt.Tensor(v, requires_grad=True) for v in values]
    for p, g in zip(ours, grads, strict=True):
        p.grad = g
    adam = tt.Adam(ours, lr=1e-3)
    mine = plain.Adam([v.copy() for v in values])
    step = None
    if torch is not None:
        theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.from_numpy(g)
        step = torch.optim.Adam(theirs, lr=1e-3).step
    return [Row("06 optimizers", "Adam step over 669,706 parameters", adam.step,
                lambda: mine.step(grads), step)]  # fmt: skip


def spatial_rows(rng: np.random.Generator) -> list[Row]:
    x = rng.standard_normal((8, 3, 32, 32), dtype=np.float32)
    conv, pool = Conv2d(3, 16, 3, padding=1), MaxPool2d(2)
    w, b = conv.weight.data, rng.standard_normal(16, dtype=np.float32)
    conv.bias.data = b
    X = tt.Tensor(x)
    ours = untracked(lambda: conv.forward(X))
    theirs = pooled = None
    if torch is not None:
        tx, tw, tb = map(torch.from_numpy, (x, w, b))
        theirs = torch_untracked(lambda: torch.nn.functional.conv2d(tx, tw, tb, padding=1))
        pooled = torch_untracked(lambda: torch.nn.functional.max_pool2d(tx, 2))
    return [
        Row("09 spatial", "conv2d 3 to 16, 8 CIFAR images; NumPy in loops", ours,
            lambda: plain.conv2d_loops(x, w, b), theirs, as_array),
        Row("09 spatial", "the same; NumPy as im2col and BLAS", ours,
            lambda: plain.conv2d_im2col(x, w, b), theirs, as_array),
        Row("09 spatial", "max pool 2 x 2, 8 CIFAR images", untracked(lambda: pool.forward(X)),
            lambda: plain.max_pool2d(x), pooled, as_array),
    ]  # fmt: skip


def tokenizer_rows(rng: np.random.Generator) -> list[Row]:
    words = zipf_words(rng, 1_000_000)
    merges = 100
    characters = len({c for word in words for c in word} | {w[-1] + "</w>" for w in words})
    size = characters + 1 + merges
    trained = BPETokenizer(size)
    trained.train(words)
    text = " ".join(words[:2000])
    learned, ids = list(trained.merges), dict(trained.token_to_id)

    def train() -> int:
        tokenizer = BPETokenizer(size)
        tokenizer.train(words)
        return len(tokenizer.merges)

    return [
        Row("10 tokenization", "BPE training on 1 MB, 100 merges", train,
            lambda: len(plain.bpe_train(words, merges)), None, np.asarray, 2),
        Row("10 tokenization", "BPE encoding of 2,000 words", lambda: trained.encode(text),
            lambda: plain.bpe_encode(text, learned, ids), None, np.asarray),
    ]  # fmt: skip


def zipf_words(rng: np.random.Generator, size: int) -> list[str]:
    """About `size` bytes of words of 2 to 9 letters whose frequencies fall as 1 / rank."""
    letters = np.array(list("etaoinshrdlcumwfgypbvkjxqz"))
    odds = 1 / np.arange(1, 27)
    lexicon = [
        "".join(rng.choice(letters, n, p=odds / odds.sum())) for n in rng.integers(2, 10, 8000)
    ]
    odds = 1 / np.arange(1, len(lexicon) + 1)
    picked = rng.choice(len(lexicon), size // 6, p=odds / odds.sum())
    return [lexicon[i] for i in picked]


def transformer_rows(rng: np.random.Generator) -> list[Row]:
    x = rng.standard_normal((4, 128, 256), dtype=np.float32)
    attention = MultiHeadAttention(256, 8)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj)
    pairs = [(p.weight.data, p.bias.data) for p in projections]
    X, mask = tt.Tensor(x), create_causal_mask(128)
    table = Embedding(5000, 256)
    ids = rng.integers(0, 5000, (32, 128))
    indices, rows = tt.Tensor(ids), table.weight.data
    theirs = looked_up = None
    if torch is not None:
        theirs = torch_untracked(_torch_attention(x, projections))
        weight, index = torch.from_numpy(rows), torch.from_numpy(ids)
        looked_up = torch_untracked(lambda: torch.nn.functional.embedding(index, weight))
    return [
        Row("11 embeddings", "look up 32 x 128 of 5000 x 256",
            untracked(lambda: table.forward(indices)), lambda: rows[ids], looked_up, as_array),
        Row("12 attention", "8 heads, causal, 4 x 128 x 256",
            untracked(lambda: attention.forward(X, mask)),
            lambda: plain.attention(x, pairs, 8), theirs, as_array),
        *gpt_rows(rng),
    ]  # fmt: skip


def _torch_attention(x: np.ndarray, projections: tuple[Any, ...]) -> Contender:
    q, k, v, out = map(_torch_linear, projections)
    tx = torch.from_numpy(x)

    def forward() -> Any:
        heads = [p(tx).view(4, 128, 8, 32).transpose(1, 2) for p in (q, k, v)]
        y = torch.nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        return out(y.transpose(1, 2).reshape(4, 128, 256))

    return forward


def gpt_rows(rng: np.random.Generator) -> list[Row]:
    np.random.seed(0)
    model = GPT(96, 128, 4, 4, max_seq_len=512)
    mine = plain.GPT(model)
    ids = rng.integers(0, 96, (4, 64))
    tokens, prompt, count = tt.Tensor(ids), [1, 2, 3, 4], 120

    def cached(count: int = count) -> np.ndarray:
        enable_kv_cache(model)
        out = model.generate(tt.Tensor([prompt]), count, temperature=0)
        disable_kv_cache(model)
        return out.data[0]

    return [
        Row("13 transformers", "GPT 0.8 M parameters, forward 4 x 64",
            untracked(lambda: model.forward(tokens)), lambda: mine.forward(ids), None, as_array,
            1e-3),
        Row("17 memoization", "generate 120 tokens with KV cache; NumPy with cache", cached,
            lambda: np.array(mine.generate_cached(prompt, count)), None, np.asarray),
        Row("17 memoization", "the same; NumPy without cache, as first taught", cached,
            lambda: np.array(mine.generate(prompt, count)), None, np.asarray),
        Row("17 memoization", "500 tokens with KV cache; NumPy without", lambda: cached(500),
            lambda: np.array(mine.generate(prompt, 500)), None, np.asarray),
    ]  # fmt: skip


def measuring_rows() -> list[Row]:
    """Modules that time a model: the time goes to the model, here the same MLP for everyone."""
    np.random.seed(0)
    model = _Layers(tt.Linear(784, 256), tt.ReLU(), tt.Linear(256, 10))
    x = np.random.default_rng(0).standard_normal((64, 784), dtype=np.float32)
    X, profiler = tt.Tensor(x), Profiler()
    params = [p.data for p in model.parameters()]
    mlp = SimpleMLP()
    row, small = x[:1, :10].copy(), [p.data for p in mlp.parameters()]
    R = tt.Tensor(row)
    bench = Benchmark([model], [], warmup_runs=5, measurement_runs=50)
    folder = Path(tempfile.mkdtemp(prefix="course_speed"))

    def forward(p: list[np.ndarray], a: np.ndarray) -> np.ndarray:
        return np.maximum(a @ p[0] + p[1], 0) @ p[2] + p[3]

    def submit() -> None:
        report = BenchmarkReport("mlp")
        report.metrics = dict(measured)
        submission = generate_submission(report, student_name="speed")
        validate_submission_schema(submission)
        save_submission(submission, folder / "submission.json")

    report = BenchmarkReport("mlp")
    measured = report.benchmark_model(mlp, R, [0], num_runs=3)
    return [
        Row("14 profiling", "measure_latency of an MLP, 50 passes",
            lambda: profiler.measure_latency(model, X, warmup=5, iterations=50),
            lambda: _passes(lambda: forward(params, x), 55)),
        Row("19 benchmarking", "latency benchmark of an MLP, 50 passes",
            lambda: bench.run_latency_benchmark(input_shape=(64, 784)),
            lambda: _passes(lambda: forward(params, x), 55)),
        Row("20 capstone", "SimpleMLP, one row", untracked(lambda: mlp.forward(R)),
            lambda: forward(small, row), _torch_simple(mlp, row), as_array),
        Row("20 capstone", "a submission: made, validated, saved", submit, None),
    ]  # fmt: skip


def _passes(fn: Contender, count: int) -> float:
    import time

    times = []
    for _ in range(count):
        start = time.perf_counter()
        fn()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _torch_simple(mlp: SimpleMLP, row: np.ndarray) -> Contender | None:
    if torch is None:
        return None
    model = torch.nn.Sequential(_torch_linear(mlp.fc1), torch.nn.ReLU(), _torch_linear(mlp.fc2))
    t_row = torch.from_numpy(row)
    return torch_untracked(lambda: model(t_row))


def all_rows(with_torch: bool) -> list[Row]:
    """Every row; the same inputs in each process, since they come from fixed seeds."""
    global torch
    if with_torch:
        torch = import_module("torch")
    np.random.seed(0)
    rng = np.random.default_rng(0)
    rows = [
        *elementwise_rows(rng),
        *linear_rows(rng),
        *training_rows(),
        *spatial_rows(rng),
        *tokenizer_rows(rng),
        *transformer_rows(rng),
        *measuring_rows(),
    ]
    return sorted(rows, key=lambda row: row.module)
