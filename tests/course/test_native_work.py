"""The arithmetic behind the course's names is the engine's.

Every class with a forward, apply or step, and every function of `nn.functional`, has a row that
runs it and names the kernel families it must put to work. A name without a row fails.
"""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

import tinytorch as tt
from tinytorch import engine
from tinytorch.core import (
    activations,
    attention,
    autograd,
    dense,
    embeddings,
    layers,
    losses,
    optimizers,
    spatial,
    transformer,
)
from tinytorch.core.tensor import Tensor
from tinytorch.nn import functional
from tinytorch.perf import acceleration, memoization, quantization

API = json.loads((Path(__file__).parent / "course_api.json").read_text())

rng = np.random.default_rng(0)


def normal(*shape, grad=False):
    return Tensor(rng.standard_normal(shape), requires_grad=grad)


def images():
    return normal(2, 3, 8, 8)


def ids():
    return Tensor(rng.integers(0, 10, (2, 4)))


def applied(node, *inputs, seed_shape=(3, 3), **options):
    """node(*inputs).apply(a gradient)"""
    return lambda: node(*inputs, **options).apply(np.ones(seed_shape, np.float32))


def stepped(make):
    def call():
        p = normal(4, 4, grad=True)
        p.grad = np.ones((4, 4), np.float32)
        make([p]).step()

    return call


def calibrated():
    layer = quantization.QuantizedLinear(layers.Linear(8, 4))
    layer.calibrate([normal(2, 8)])
    return layer


def square():
    return normal(3, 3, grad=True)


def unit():
    return Tensor(rng.uniform(0.1, 0.9, (3, 3)), requires_grad=True)


classes = Tensor(np.array([0, 1, 2]))
gpt = transformer.GPT(10, 8, 1, 2, max_seq_len=8)

# object: (what runs it, families it puts to work)
ROWS = {
    activations.ReLU: (lambda: activations.ReLU()(square()), {"unary"}),
    activations.Sigmoid: (lambda: activations.Sigmoid()(square()), {"unary"}),
    activations.Tanh: (lambda: activations.Tanh()(square()), {"unary"}),
    activations.GELU: (lambda: activations.GELU()(square()), {"unary"}),
    activations.Softmax: (lambda: activations.Softmax()(square()), {"softmax"}),
    layers.Linear: (lambda: layers.Linear(8, 4)(normal(2, 8)), {"gemm"}),
    layers.Dropout: (lambda: layers.Dropout(0.5)(square(), training=True), {"binary"}),
    losses.MSELoss: (lambda: losses.MSELoss()(square(), square()), {"reduce"}),
    losses.CrossEntropyLoss: (lambda: losses.CrossEntropyLoss()(square(), classes), {"softmax"}),
    losses.BinaryCrossEntropyLoss: (
        lambda: losses.BinaryCrossEntropyLoss()(unit(), unit()), {"reduce"}),
    optimizers.SGD: (stepped(lambda p: optimizers.SGD(p, 0.1)), {"optim"}),
    optimizers.Adam: (stepped(lambda p: optimizers.Adam(p, 0.1)), {"optim"}),
    optimizers.AdamW: (stepped(lambda p: optimizers.AdamW(p, 0.1)), {"optim"}),
    spatial.Conv2d: (lambda: spatial.Conv2d(3, 4, 3)(images()), {"gemm"}),
    spatial.Conv2D: (lambda: spatial.Conv2D(3, 4, 3)(images()), {"gemm"}),
    spatial.MaxPool2d: (lambda: spatial.MaxPool2d(2)(images()), {"pool"}),
    spatial.MaxPool2D: (lambda: spatial.MaxPool2D(2)(images()), {"pool"}),
    spatial.AvgPool2d: (lambda: spatial.AvgPool2d(2)(images()), {"pool"}),
    spatial.AvgPool2D: (lambda: spatial.AvgPool2D(2)(images()), {"pool"}),
    spatial.BatchNorm2d: (lambda: spatial.BatchNorm2d(3)(images()), {"norm"}),
    spatial.SimpleCNN: (lambda: spatial.SimpleCNN()(normal(1, 3, 32, 32)), {"gemm", "pool"}),
    embeddings.Embedding: (lambda: embeddings.Embedding(10, 4)(ids()), {"rows"}),
    embeddings.PositionalEncoding: (
        lambda: embeddings.PositionalEncoding(8, 4)(normal(2, 4, 4)), {"binary"}),
    embeddings.EmbeddingLayer: (
        lambda: embeddings.EmbeddingLayer(10, 4)(ids()), {"rows", "binary"}),
    attention.MultiHeadAttention: (
        lambda: attention.MultiHeadAttention(8, 2)(normal(2, 4, 8)), {"gemm", "softmax"}),
    attention.SelfAttention: (
        lambda: attention.SelfAttention(8)(normal(2, 4, 8)), {"gemm", "softmax"}),
    attention.scaled_dot_product_attention: (
        lambda: attention.scaled_dot_product_attention(*(normal(1, 4, 8) for _ in "qkv")),
        {"gemm", "softmax"}),
    tt.SimpleMLP: (lambda: tt.SimpleMLP()(normal(1, 10)), {"gemm"}),
    transformer.LayerNorm: (lambda: transformer.LayerNorm(4)(normal(2, 4)), {"norm"}),
    transformer.MLP: (lambda: transformer.MLP(4)(normal(2, 4)), {"gemm", "unary"}),
    transformer.TransformerBlock: (
        lambda: transformer.TransformerBlock(8, 2)(normal(2, 4, 8)), {"gemm", "norm", "softmax"}),
    transformer.GPT: (lambda: gpt(ids()), {"gemm", "norm", "softmax", "rows"}),
    dense.MLP: (lambda: dense.MLP(4, [8], 2)(normal(3, 4)), {"gemm"}),
    quantization.QuantizedLinear: (lambda: calibrated()(normal(2, 8)), {"gemm_s8"}),
    acceleration.Accelerator: (
        lambda: acceleration.Accelerator().optimized_matmul(square(), square()), {"gemm"}),
    acceleration.vectorized_matmul: (
        lambda: acceleration.vectorized_matmul(square(), square()), {"gemm"}),
    acceleration.tiled_matmul: (lambda: acceleration.tiled_matmul(square(), square()), {"gemm"}),
    acceleration.fused_gelu: (lambda: acceleration.fused_gelu(square()), {"unary"}),
    functional.relu: (lambda: functional.relu(square()), {"unary"}),
    functional.sigmoid: (lambda: functional.sigmoid(square()), {"unary"}),
    functional.tanh: (lambda: functional.tanh(square()), {"unary"}),
    functional.gelu: (lambda: functional.gelu(square()), {"unary"}),
    functional.softmax: (lambda: functional.softmax(square()), {"softmax"}),
    functional.max_pool2d: (lambda: functional.max_pool2d(images(), 2), {"pool"}),
    functional.avg_pool2d: (lambda: functional.avg_pool2d(images(), 2), {"pool"}),
    functional.mse_loss: (lambda: functional.mse_loss(square(), square()), {"reduce"}),
    functional.cross_entropy: (lambda: functional.cross_entropy(square(), classes), {"softmax"}),
}  # fmt: skip

# Nodes of the graph, built by hand: their gradients are the engine's, too.
NODES = {
    autograd.MulBackward: (applied(autograd.MulBackward, square(), square()), {"binary"}),
    autograd.DivBackward: (applied(autograd.DivBackward, square(), unit()), {"binary"}),
    autograd.MatmulBackward: (applied(autograd.MatmulBackward, square(), square()), {"gemm"}),
    autograd.EmbeddingBackward: (
        applied(autograd.EmbeddingBackward, square(), classes), {"rows"}),
    autograd.ReLUBackward: (applied(autograd.ReLUBackward, square()), {"unary"}),
    autograd.GELUBackward: (applied(autograd.GELUBackward, square()), {"unary"}),
    autograd.SigmoidBackward: (
        lambda: applied(autograd.SigmoidBackward, (x := unit()), activations.Sigmoid()(x))(),
        {"unary"}),
    autograd.SoftmaxBackward: (
        lambda: applied(autograd.SoftmaxBackward, (x := unit()), activations.Softmax()(x))(),
        {"softmax"}),
    autograd.MSEBackward: (
        applied(autograd.MSEBackward, square(), square(), seed_shape=()), {"binary"}),
    autograd.BCEBackward: (
        applied(autograd.BCEBackward, unit(), unit(), seed_shape=()), {"binary"}),
    autograd.CrossEntropyBackward: (
        applied(autograd.CrossEntropyBackward, square(), classes, seed_shape=()), {"softmax"}),
    spatial.Conv2dBackward: (
        applied(spatial.Conv2dBackward, images(), normal(4, 3, 3, 3), None, 1, 0, 3, None,
                seed_shape=(2, 4, 6, 6)), {"gemm"}),
    spatial.MaxPool2dBackward: (
        applied(spatial.MaxPool2dBackward, images(), None, 2, 2, 0, seed_shape=(2, 3, 4, 4)),
        {"pool"}),
}  # fmt: skip

# They move values, pass them on, or are there to be filled in.
NO_ARITHMETIC = {
    "AddBackward", "EmbeddingBackward", "Flatten", "Function", "Layer", "Module", "Optimizer",
    "PermuteBackward", "ReshapeBackward", "Sequential", "SliceBackward", "SubBackward",
    "SumBackward", "TransposeBackward", "flatten",
}  # fmt: skip


def work_of(call):
    before = engine.kernel_calls()
    call()
    return {name for name, calls in engine.kernel_calls().items() if calls > before[name]}


@pytest.mark.parametrize("row", [*ROWS, *NODES], ids=lambda row: row.__name__)
def test_the_engine_does_the_arithmetic(row):
    call, families = {**ROWS, **NODES}[row]
    assert families <= work_of(call)


def working_names():
    for module, names in API.items():
        for name, entry in names.items():
            works = bool({"forward", "apply", "step"} & set(entry.get("methods", ())))
            if works or (module == "tinytorch.nn.functional" and entry["kind"] == "function"):
                yield module, name


def test_every_working_name_has_a_row():
    rows = {*ROWS, *NODES}
    missing = {
        f"{module}.{name}"
        for module, name in working_names()
        if name not in NO_ARITHMETIC and getattr(importlib.import_module(module), name) not in rows
    }
    assert not missing


TENSOR_WORK = {
    "+": (lambda a, b: a + b, {"binary"}),
    "-": (lambda a, b: a - b, {"binary"}),
    "*": (lambda a, b: a * b, {"binary"}),
    "/": (lambda a, b: a / b, {"binary"}),
    "+ 1": (lambda a, b: a + 1.0, {"binary"}),
    "@": (lambda a, b: a @ b, {"gemm"}),
    "vector @ matrix": (lambda a, b: a[0] @ b, {"gemm"}),
    "sum": (lambda a, b: a.sum(), {"reduce"}),
    "sum of rows": (lambda a, b: a.sum(axis=1), {"reduce"}),
    "mean": (lambda a, b: a.mean(axis=0), {"reduce"}),
    "max": (lambda a, b: a.max(), {"reduce"}),
}


@pytest.mark.parametrize("name", TENSOR_WORK)
def test_tensor_arithmetic(name):
    call, families = TENSOR_WORK[name]
    a, b = square(), square()
    assert families <= work_of(lambda: call(a, b))


def test_a_backward_pass_and_generation():
    x, w = normal(4, 3), normal(3, 2, grad=True)
    loss = (x.matmul(w)).sum()
    assert "gemm" in work_of(loss.backward)
    memoization.enable_kv_cache(gpt)
    try:
        work = work_of(lambda: gpt.generate(Tensor([[1, 2]]), 3, temperature=0))
    finally:
        memoization.disable_kv_cache(gpt)
    assert {"gemm", "norm", "rows"} <= work


def test_moving_values_is_no_arithmetic():
    a = normal(3, 4)
    assert work_of(lambda: (a.reshape(4, 3).transpose(), a[1:], a.data)) == set()
    assert work_of(lambda: tt.Tensor([1.0, 2.0])) == set()
