"""Module 16: pruning, low rank and distillation in plain NumPy, beside the package's."""

# %%
import copy

import numpy as np

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor
from tinytorch.perf import compression as package
from tinytorch.perf.profiling import Profiler, analyze_weight_distribution


# %%
class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def __call__(self, x):
        return self.forward(x)

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def measure_sparsity(model):
    zeros = sum(np.sum(p.data == 0) for p in model.parameters())
    total = sum(p.data.size for p in model.parameters())
    return zeros / total if total else 0.0


def magnitude_prune(model, sparsity=0.5):
    for param in model.parameters():
        threshold = np.percentile(np.abs(param.data), sparsity * 100)
        param.data = param.data * (np.abs(param.data) >= threshold)
    return model


def structured_prune(model, prune_ratio=0.5):
    for layer in model.layers:
        if isinstance(layer, Linear):
            norms = np.linalg.norm(layer.weight.data, axis=0)
            threshold = np.percentile(norms, prune_ratio * 100)
            layer.weight.data[:, norms < threshold] = 0
    return model


def low_rank_approximate(weight_matrix, rank_ratio=0.5):
    U, S, V = np.linalg.svd(weight_matrix, full_matrices=False)
    rank = max(1, int(rank_ratio * min(weight_matrix.shape)))
    return U[:, :rank], S[:rank], V[:rank, :]


class KnowledgeDistillation:
    def __init__(self, teacher_model, student_model, temperature=3.0, alpha=0.7):
        self.teacher_model, self.student_model = teacher_model, student_model
        self.temperature, self.alpha = temperature, alpha

    @staticmethod
    def softmax(logits):
        e = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    def distillation_loss(self, student_logits, teacher_logits, true_labels):
        student, teacher = student_logits.data, teacher_logits.data
        p = self.softmax(student / self.temperature)
        q = self.softmax(teacher / self.temperature)
        soft = np.sum(p * np.log((p + 1e-8) / (q + 1e-8)))
        hard_p = self.softmax(student)
        labels = np.asarray(true_labels)
        if labels.ndim == 2:
            hard = -np.mean(np.sum(labels * np.log(hard_p + 1e-8), axis=1))
        else:
            hard = -np.mean(np.log(hard_p[np.arange(len(labels)), labels] + 1e-8))
        return self.alpha * soft + (1 - self.alpha) * hard


# %%
def make_model(seed=0):
    np.random.seed(seed)
    model = Sequential(Linear(12, 24), ReLU(), Linear(24, 6))
    for p in model.parameters():
        p.data = np.random.randn(*p.shape)  # float64, biases too
    return model


def test_unit_sparsity():
    model = make_model()
    assert package.measure_sparsity(model) == 0.0
    model.layers[0].weight.data[::2] = 0
    model.layers[2].bias.data[:3] = 0
    assert np.isclose(package.measure_sparsity(model), measure_sparsity(model))
    assert np.isclose(package.Compressor.measure_sparsity(model), measure_sparsity(model))
    assert package.measure_sparsity(Sequential()) == 0.0


def test_unit_magnitude_prune():
    for sparsity in (0.0, 0.1, 0.5, 0.9):
        own, other = magnitude_prune(make_model(), sparsity), make_model()
        assert package.magnitude_prune(other, sparsity=sparsity) is other
        for p, q in zip(own.parameters(), other.parameters(), strict=True):
            assert np.allclose(p.data, q.data)
        assert abs(package.measure_sparsity(other) - sparsity) < 0.05
    model = make_model()
    kept = model.layers[0].weight
    package.Compressor.magnitude_prune(model)
    assert model.layers[0].weight is kept
    single = Linear(10, 10)
    package.magnitude_prune(single, 0.7)
    assert 0.6 < np.mean(single.weight.data == 0) < 0.75


def test_unit_structured_prune():
    for ratio in (0.0, 0.25, 0.5, 0.8):
        own, other = structured_prune(make_model(), ratio), make_model()
        assert package.structured_prune(other, prune_ratio=ratio) is other
        for p, q in zip(own.parameters(), other.parameters(), strict=True):
            assert np.allclose(p.data, q.data)
        columns = np.all(other.layers[0].weight.data == 0, axis=0)
        assert columns.sum() == np.all(own.layers[0].weight.data == 0, axis=0).sum()


def test_unit_compress_model():
    config = {"magnitude_sparsity": 0.6, "structured_prune_ratio": 0.3}
    expected = structured_prune(magnitude_prune(make_model(), 0.6), 0.3)
    model = make_model()
    result, stats = package.compress_model(model, config)
    assert result is model
    assert np.isclose(stats["final_sparsity"], measure_sparsity(expected))
    assert stats["original_sparsity"] == 0.0
    assert np.isclose(stats["compression_ratio"], 1 / (1 - stats["final_sparsity"]))
    for p in model.parameters():
        p.data.fill(0)
    assert package.compress_model(model, {})[1]["compression_ratio"] == np.inf


def test_unit_low_rank():
    matrix = np.random.default_rng(0).normal(size=(20, 8))
    for ratio in (0.01, 0.25, 0.5, 1.0):
        own, other = (
            low_rank_approximate(matrix, ratio),
            package.low_rank_approximate(matrix, ratio),
        )
        for a, b in zip(own, other, strict=True):
            assert a.shape == b.shape
        rebuilt = [u @ np.diag(s) @ v for u, s, v in (own, other)]
        assert np.allclose(*rebuilt, atol=1e-5)
    assert np.allclose(rebuilt[1], matrix, atol=1e-5)


def test_unit_distillation():
    rng = np.random.default_rng(2)
    student, teacher = Tensor(rng.normal(size=(5, 4))), Tensor(rng.normal(size=(5, 4)) * 3)
    labels = rng.integers(0, 4, 5)
    for settings in ({}, {"temperature": 1.0, "alpha": 0.2}):
        own = KnowledgeDistillation(None, None, **settings)
        other = package.KnowledgeDistillation(make_model(), make_model(1), **settings)
        assert (other.temperature, other.alpha) == (own.temperature, own.alpha)
        for targets in (labels, np.eye(4)[labels]):
            expected = own.distillation_loss(student, teacher, targets)
            loss = other.distillation_loss(student, teacher, targets)
            assert isinstance(loss, (float, np.floating))
            assert np.isclose(loss, expected, rtol=1e-3)
        assert np.isclose(
            other.distillation_loss(student, teacher, Tensor(labels)), loss, rtol=1e-3
        )


# %% [markdown]
# ## Prune, then train on: dead weights stay dead only if masked
class PropertyModel:
    """`layers` is made anew at each look."""

    def __init__(self):
        self.fc1, self.fc2 = Linear(2, 16), Linear(16, 2)

    @property
    def layers(self):
        return [self.fc1, self.fc2]

    def forward(self, x):
        return self.fc2(ReLU()(self.fc1(x)))

    def parameters(self):
        return self.fc1.parameters() + self.fc2.parameters()


def accuracy(model, x, y):
    return np.mean(model.forward(x).data.argmax(axis=1) == y.data)


def fit(model, x, y, masks=None, steps=150):
    optimizer = SGD(model.parameters(), lr=0.3, momentum=0.9)
    for _ in range(steps):
        loss = CrossEntropyLoss()(model.forward(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for p, mask in zip(model.parameters(), masks or [], strict=False):
            p.data *= mask


def test_pruning_and_fine_tuning():
    np.random.seed(1)
    points = np.random.randn(200, 2)
    x, y = Tensor(points), Tensor((points[:, 0] * points[:, 1] > 0).astype(int))
    model = PropertyModel()
    fit(model, x, y)
    assert accuracy(model, x, y) > 0.9
    dense = copy.deepcopy(model)
    package.magnitude_prune(model, 0.5)
    assert package.measure_sparsity(dense) < 0.1 < 0.4 < package.measure_sparsity(model)
    masks = [(p.data != 0).astype(np.float32) for p in model.parameters()]
    fit(model, x, y, masks)
    assert accuracy(model, x, y) > 0.85
    assert package.measure_sparsity(model) >= 0.4
    report = analyze_weight_distribution(model)
    assert report["below_threshold_0001"] >= 40
    assert Profiler().count_parameters(model) == Profiler().count_parameters(dense)


def test_module():
    test_unit_sparsity()
    test_unit_magnitude_prune()
    test_unit_structured_prune()
    test_unit_compress_model()
    test_unit_low_rank()
    test_unit_distillation()
    test_pruning_and_fine_tuning()
    print("module 16: all checks passed")


if __name__ == "__main__":
    test_module()
