"""Every class can be made with small arguments and then has the attributes that course_api.json
lists (contract 29.2); each object takes further ones (1.1)."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from tinytorch import Linear, MSELoss, Tensor

CONTRACT = json.loads(Path(__file__).with_name("course_api.json").read_text(encoding="utf-8"))


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


# Constructor arguments by the parameter's name; None: the class takes none of its own.
ARGUMENTS = {
    "Benchmark": lambda: ([], []),
    "BenchmarkResult": lambda: ("metric", [1.0]),
    "CachedMultiHeadAttention": lambda: (4, 2),
    "Compose": lambda: ([],),
    "Conv2D": lambda: (1, 1, 3),
    "Conv2d": lambda: (1, 1, 3),
    "Conv2dBackward": lambda: (
        leaf(1, 1, 3, 3), leaf(1, 1, 3, 3), leaf(1), 1, 0, (3, 3), (1, 1, 3, 3),
    ),
    "BatchNorm1d": lambda: (3,),
    "BatchNorm2d": lambda: (3,),
    "AvgPool2d": lambda: (2,),
    "AvgPool2D": lambda: (2,),
    "MaxPool2d": lambda: (2,),
    "MaxPool2D": lambda: (2,),
    "MaxPool2dBackward": lambda: (leaf(1, 1, 2, 2), (1, 1, 1, 1), (2, 2), 2, 0),
    "Embedding": lambda: (5, 4),
    "EmbeddingBackward": lambda: (leaf(5, 4), Tensor([1])),
    "EmbeddingLayer": lambda: (5, 4),
    "GPT": lambda: (5, 4, 1, 2, 8),
    "KVCache": lambda: (1, 2, 1, 2),
    "KnowledgeDistillation": lambda: (Linear(2, 2), Linear(2, 2)),
    "LayerNorm": lambda: (4,),
    "Linear": lambda: (2, 3),
    "MLP": lambda: (4,),
    "MultiHeadAttention": lambda: (4, 2),
    "PositionalEncoding": lambda: (8, 4),
    "QuantizedLinear": lambda: (Linear(2, 2),),
    "RandomCrop": lambda: (3,),
    "SelfAttention": lambda: (4,),
    "SimpleDataset": lambda: ([1, 2],),
    "Tensor": lambda: ([1.0],),
    "TensorDataset": lambda: (Tensor([1.0, 2.0]),),
    "DataLoader": lambda: ([1.0, 2.0], 2),
    "Trainer": lambda: (Linear(2, 1), None, MSELoss()),
    "TransformerBlock": lambda: (4, 2),
    "AddBackward": lambda: (leaf(2), leaf(2)),
    "SubBackward": lambda: (leaf(2), leaf(2)),
    "MulBackward": lambda: (leaf(2), leaf(2)),
    "DivBackward": lambda: (leaf(2), leaf(2)),
    "MatmulBackward": lambda: (leaf(2, 2), leaf(2, 2)),
    "TransposeBackward": lambda: (leaf(2, 2), 0, 1),
    "PermuteBackward": lambda: (leaf(2, 2), (1, 0)),
    "SliceBackward": lambda: (leaf(2, 2), 0),
    "ReshapeBackward": lambda: (leaf(2, 2), (2, 2)),
    "SumBackward": lambda: (leaf(2),),
    "ReLUBackward": lambda: (leaf(2),),
    "GELUBackward": lambda: (leaf(2),),
    "SigmoidBackward": lambda: (leaf(2), leaf(2)),
    "SoftmaxBackward": lambda: (leaf(2), leaf(2)),
    "MSEBackward": lambda: (leaf(2), leaf(2)),
    "BCEBackward": lambda: (leaf(2), leaf(2)),
    "CrossEntropyBackward": lambda: (leaf(2, 3), Tensor([0, 1])),
    "Optimizer": lambda: ([leaf(2)],),
    "SGD": lambda: ([leaf(2)],),
    "Adam": lambda: ([leaf(2)],),
    "AdamW": lambda: ([leaf(2)],),
}  # fmt: skip
SPECIAL = {
    ("tinytorch.core.dense", "MLP"): lambda: (2, [3], 1),
    ("tinytorch.perf.memoization", "KVCache"): lambda: (1, 2, 1, 2, 4),
}
COMPUTED = ("next_functions", "original_shape", "shape", "size")  # made anew at each look
CLASSES = [
    pytest.param(module, name, entry, id=f"{module}.{name}")
    for module, names in CONTRACT.items()
    for name, entry in names.items()
    if entry["kind"] == "class"
    and "alias_of" not in entry
    and entry.get("provide") != "avoid"
    and "members" not in entry  # an enum
    and name != "Dataset"  # abstract
]


@pytest.mark.parametrize(("module", "name", "entry"), CLASSES)
def test_attributes(module, name, entry, tmp_path):
    cls = getattr(importlib.import_module(module), name)
    default = (lambda: ([], [], tmp_path)) if name == "BenchmarkSuite" else tuple
    arguments = SPECIAL.get((module, name)) or ARGUMENTS.get(name, default)
    made = cls(*arguments())
    assert type(made).__name__ == name
    for attribute in entry.get("attributes") or []:
        assert hasattr(made, attribute), attribute
        if attribute not in COMPUTED:
            assert getattr(made, attribute) is getattr(made, attribute), attribute
    for attribute in entry.get("class_attributes") or []:
        assert hasattr(cls, attribute), attribute
    made.any_other = made
    assert made.any_other is made


@pytest.mark.parametrize(("module", "name", "entry"), CLASSES)
def test_classes_take_attributes(module, name, entry):
    cls = getattr(importlib.import_module(module), name)
    cls.note_of_a_program = "kept"
    assert cls.note_of_a_program == "kept"
    del cls.note_of_a_program
