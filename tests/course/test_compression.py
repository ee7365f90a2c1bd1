"""Compression under the course's names (contract 18, 23, 27)."""

import numpy as np
import pytest

from tinytorch import Linear, ReLU, Tensor
from tinytorch.capstone import SimpleMLP
from tinytorch.optimization import compression as legacy
from tinytorch.perf import compression
from tinytorch.perf.compression import (
    Compressor,
    KnowledgeDistillation,
    compress_model,
    low_rank_approximate,
    magnitude_prune,
    measure_sparsity,
    structured_prune,
)


class Stack:
    """`layers` is made anew at each use, as some models do."""

    def __init__(self, *layers):
        self._layers = layers

    @property
    def layers(self):
        return list(self._layers)


def stack():
    np.random.seed(0)
    return Stack(Linear(10, 8), ReLU(), Linear(8, 4))


def test_older_path_has_the_same_objects():
    for name in (
        "magnitude_prune", "structured_prune", "measure_sparsity", "compress_model",
        "low_rank_approximate", "KnowledgeDistillation", "BYTES_PER_FLOAT32", "MB_TO_BYTES",
    ):  # fmt: skip
        assert getattr(legacy, name) is getattr(compression, name)
    assert legacy.CompressionComplete is Compressor


def test_sparsity():
    model = Stack(Linear(4, 3))
    model.layers[0].weight.data[:2] = 0.0
    assert measure_sparsity(model) == pytest.approx((6 + 3) / 15)  # the bias is zero
    assert measure_sparsity(Stack()) == 0.0
    assert measure_sparsity(Linear(4, 3, bias=False)) == 0.0


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_magnitude(sparsity):
    model = stack()
    weights = [layer.weight for layer in model.layers if hasattr(layer, "weight")]
    before = [w.data.copy() for w in weights]
    assert magnitude_prune(model, sparsity) is model
    for weight, old in zip(weights, before, strict=True):
        kept = weight.data != 0
        np.testing.assert_array_equal(weight.data[kept], old[kept])
        assert abs(np.mean(~kept) - sparsity) <= 1.01 / weight.size
        if kept.any() and not kept.all():
            assert np.abs(old[~kept]).max() <= np.abs(old[kept]).min()


def test_structured():
    model = stack()
    first = model.layers[0].weight
    norms = np.linalg.norm(first.data, axis=0)
    assert structured_prune(model, 0.5) is model
    gone = ~first.data.any(axis=0)
    assert gone.sum() == 4
    assert norms[gone].max() <= norms[~gone].min()
    assert first.shape == (10, 8)


@pytest.mark.parametrize("make", [lambda: Linear(10, 8), lambda: SimpleMLP()])
def test_models_without_layers(make):
    np.random.seed(0)
    model = make()
    assert magnitude_prune(model, sparsity=0.5) is model
    assert measure_sparsity(model) > 0.4
    assert structured_prune(model, prune_ratio=0.5) is model
    assert model.forward(Tensor(np.ones((2, 10)))).shape[0] == 2


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_fractions_are_checked(bad):
    for prune in (magnitude_prune, structured_prune):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            prune(stack(), bad)


def test_compress():
    model, stats = compress_model(
        stack(), {"magnitude_sparsity": 0.8, "structured_prune_ratio": 0.3}
    )
    assert isinstance(model, Stack)
    assert stats["original_sparsity"] < 0.15
    assert stats["final_sparsity"] == measure_sparsity(model)
    assert stats["compression_ratio"] == pytest.approx(1 / (1 - stats["final_sparsity"]))
    assert compress_model(stack(), {"magnitude_sparsity": 1.0})[1]["compression_ratio"] == np.inf
    with pytest.raises(ValueError, match="unknown compression settings"):
        compress_model(stack(), {"sparsity": 0.5})


def test_low_rank():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((12, 3)), rng.standard_normal((3, 8))
    u, s, v = low_rank_approximate(a @ b, 0.5)
    assert (u.shape, s.shape, v.shape) == ((12, 4), (4,), (4, 8))
    np.testing.assert_allclose((u * s) @ v, a @ b, atol=1e-10)
    assert low_rank_approximate(a, 0.01)[1].shape == (1,)
    with pytest.raises(ValueError, match="matrix"):
        low_rank_approximate(np.zeros(3))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_distillation():
    rng = np.random.default_rng(0)
    student, teacher = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    labels = np.array([0, 3, 1, 2, 2])
    kd = KnowledgeDistillation("teacher", "student", temperature=2.0, alpha=0.6)
    assert (kd.teacher_model, kd.student_model, kd.temperature, kd.alpha) == (
        "teacher", "student", 2.0, 0.6,
    )  # fmt: skip
    p, q = softmax(student / 2), softmax(teacher / 2)
    soft = np.sum(p * np.log(p / q))
    hard = -np.mean(np.log(softmax(student)[np.arange(5), labels]))
    expected = 0.6 * soft + 0.4 * hard
    one_hot = np.eye(4)[labels]
    for given in (labels, Tensor(labels), one_hot, Tensor(one_hot), labels[:, None]):
        loss = kd.distillation_loss(Tensor(student), Tensor(teacher), given)
        assert isinstance(loss, float)
        assert loss == pytest.approx(expected, rel=1e-5)
    assert kd.distillation_loss(teacher, teacher, labels) < loss
    defaults = KnowledgeDistillation(None, None)
    assert (defaults.temperature, defaults.alpha) == (3.0, 0.7)
