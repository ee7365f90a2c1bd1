"""Models that exist twice, as the course's Python objects and as the engine's C++ ones, agree."""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch import CrossEntropyLoss, Tensor, _core
from tinytorch.capstone import SimpleMLP


@pytest.mark.parametrize("sizes", [(10, 20, 3), (1, 1, 1), (64, 33, 10)])
@pytest.mark.parametrize("rows", [1, 2, 37])
def test_simple_mlp_is_the_same_model_in_both_languages(sizes, rows):
    python = SimpleMLP(*sizes)
    engine = _core.models.SimpleMLP.over(*python.parameters())
    assert engine.count_parameters() == python.count_parameters()
    assert [name for name, _ in engine.named_parameters()] == list(python.state_dict())
    rng = np.random.default_rng(rows)
    x = Tensor(rng.normal(size=(rows, sizes[0])))
    labels = Tensor(rng.integers(0, sizes[2], rows))

    gradients = []
    outputs = []
    for model in (python, engine):
        for p in python.parameters():
            p.grad = None
        out = model.forward(x)
        CrossEntropyLoss()(out, labels).backward()
        outputs.append(out.data)
        gradients.append([p.grad.copy() for p in python.parameters()])
    np.testing.assert_array_equal(*outputs)
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_engine_model_sees_what_the_python_one_is_assigned():
    python = SimpleMLP()
    engine = _core.models.SimpleMLP.over(*python.parameters())
    python.fc2.bias.data = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(engine(Tensor(np.zeros((1, 10)))).data, [[1, 2, 3]])
