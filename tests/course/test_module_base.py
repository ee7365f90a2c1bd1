"""Layer as a base class: parameters found by attribute, names, modes, state (contract 5.1)."""

import numpy as np
import pytest

from tinytorch import SGD, Dropout, Linear, ReLU, Tensor, Trainer
from tinytorch.capstone import BenchmarkReport
from tinytorch.core._module import set_training
from tinytorch.core.layers import Layer, Sequential
from tinytorch.core.spatial import BatchNorm2d


class Block(Layer):  # no base constructor is called
    def __init__(self):
        self.fc = Linear(2, 2)
        self.parts = [Linear(2, 2, bias=False), ReLU(), Dropout(0.5)]
        self.scale = Tensor([1.0], requires_grad=True)
        self.shared = self.fc
        self.fixed = Tensor([1.0])
        self.number = 3
        self.norm = BatchNorm2d(2)

    def forward(self, x):
        return self.fc(x)


def test_bare_layer():
    layer = Layer()
    assert layer.parameters() == []
    assert repr(layer) == "Layer()"
    with pytest.raises(NotImplementedError):
        layer(Tensor([1.0]))


def test_call_passes_everything_on():
    class Echo(Layer):
        def forward(self, x, *args, **kwargs):
            return x, args, kwargs

    assert Echo()(1, 2, key=3) == (1, (2,), {"key": 3})
    assert repr(Echo()) == "Echo()"


def test_parameters_in_order_of_definition_each_once():
    block = Block()
    assert [id(p) for p in block.parameters()] == [
        id(p)
        for p in (
            block.fc.weight,
            block.fc.bias,
            block.parts[0].weight,
            block.scale,
            block.norm.gamma,
            block.norm.beta,
        )
    ]


def test_results_kept_in_attributes_are_no_parameters():
    block = Block()
    block.last_output = block(Tensor([[1.0, 2.0]]))
    assert len(block.parameters()) == 6


def test_names():
    names = [name for name, _ in Block().named_parameters()]
    assert names == [
        "fc.weight",
        "fc.bias",
        "parts.0.weight",
        "scale",
        "norm.gamma",
        "norm.beta",
    ]
    modules = dict(Block().named_modules())
    assert list(modules) == ["", "fc", "parts.0", "parts.1", "parts.2", "norm"]
    assert [name for name, _ in Block().named_children()] == list(modules)[1:]


def test_own_parameters_method_wins():
    class Own(Layer):
        def __init__(self):
            self.table = {"a": Tensor([1.0], requires_grad=True)}
            self.fc = Linear(1, 1)

        def parameters(self):
            return [self.table["a"], self.fc.weight]

    own = Own()
    assert dict(own.named_parameters()) == {"param_0": own.table["a"], "fc.weight": own.fc.weight}


def test_train_and_eval_reach_all_parts():
    block = Block()
    assert block.eval() is block
    assert not block.training
    assert not block.parts[2].training
    assert not block.norm.training
    assert block.train() is block
    assert block.norm.training
    assert block.parts[2].training


def test_zero_grad():
    block = Block()
    block(Tensor([[1.0, 2.0]])).sum().backward()
    assert block.fc.weight.grad is not None
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_state_goes_round():
    source, target = Block(), Block()
    source.norm.running_mean = np.array([5.0, 6.0])
    source.norm.beta.data = np.array([1.0, 2.0])
    state = source.state_dict()
    assert list(state)[-2:] == ["norm.running_mean", "norm.running_var"]
    assert all(isinstance(value, np.ndarray) for value in state.values())
    target.load_state_dict(state)
    for name, value in target.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    state["fc.weight"][:] = 99  # copies, both ways
    assert not np.any(source.fc.weight.data == 99)
    assert not np.any(target.fc.weight.data == 99)


def test_frozen_parameters_of_layers_stay_in_the_state():
    layer = Linear(2, 2)
    layer.weight.requires_grad = False
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_strictness():
    model = Sequential(Linear(2, 2), Linear(2, 1))
    state = model.state_dict()
    weight = state.pop("layers.1.weight")
    before = model.state_dict()
    with pytest.raises(KeyError, match=r"layers\.1\.weight"):
        model.load_state_dict(state)
    with pytest.raises(KeyError, match="extra"):
        model.load_state_dict({**before, "extra": weight})
    model.load_state_dict({"layers.0.bias": [7.0, 8.0], "extra": weight}, strict=False)
    np.testing.assert_array_equal(model.layers[0].bias.data, [7, 8])


def test_a_state_that_does_not_fit_changes_nothing():
    model = Sequential(Linear(2, 2), Linear(2, 1))
    before = model.state_dict()
    state = model.state_dict()
    state["layers.0.weight"] = np.zeros((2, 2))
    state["layers.1.bias"] = np.zeros(5)
    with pytest.raises(ValueError, match=r"layers\.1\.bias"):
        model.load_state_dict(state)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_registered_buffers():
    block = Block()
    block.register_buffer("steps", np.array([3.0]))
    assert "steps" in dict(block.named_buffers())
    other = Block()
    other.register_buffer("steps", np.array([0.0]))
    other.load_state_dict(block.state_dict())
    np.testing.assert_array_equal(other.steps, [3.0])
    assert "steps" not in dict(Block().named_buffers())
    assert len(block.buffers()) == 3


def test_cycles_do_not_hang():
    block = Block()
    block.parent = Holder(block)
    assert len(list(block.named_modules())) == 7
    assert len(block.state_dict()) == 8
    assert block.train() is block


class Holder:
    def __init__(self, inner):
        self.inner = inner

    def parameters(self):
        return []


def test_objects_that_only_look_like_parts_are_left_alone():
    class Odd(Layer):
        def __init__(self):
            self.kind = Linear  # a class, not a layer
            self.optimizer = HasList()
            self.fc = Linear(1, 1)

    assert len(Odd().parameters()) == 2


class HasList:
    parameters = [1, 2]  # noqa: RUF012


class OwnMode(Layer):
    """As in course programs: the mode without an argument, and attributes named like methods."""

    def __init__(self):
        self.part, self.drop = Linear(2, 2), Dropout(0.5)
        self.children = self.modules = ["anything"]

    def forward(self, x):
        return self.drop(self.part(x))

    def train(self):
        self.training = True

    def eval(self):
        self.training = False


class OwnLoop(Layer):
    def __init__(self):
        self.part = OwnMode()

    def train(self, x, y, epochs=3):
        raise AssertionError("a training loop is not the mode")


def test_a_train_method_of_another_signature_is_left_alone():
    model = OwnLoop()
    for mode in (False, True):
        set_training(model, mode)
        assert [m.training for m in (model, model.part, model.part.drop)] == [mode] * 3
    assert Sequential([model, OwnMode()]).eval().training is False
    assert model.part.drop.training is False
    assert len(model.parameters()) == 2


def test_trainer_and_report_with_a_model_of_its_own_modes():
    model = OwnMode()
    data = [(Tensor(np.ones((4, 2))), Tensor(np.zeros((4, 2))))]
    trainer = Trainer(model, SGD(model.parameters()))
    trainer.train_epoch(data)
    assert model.training is True
    trainer.evaluate(data)
    assert model.training is False
    model.train()
    report = BenchmarkReport()
    report.benchmark_model(model, np.ones((3, 2)), np.zeros(3, int), num_runs=2)
    assert model.training is True
