"""Converting models: what is replaced, what stays, accuracy, bytes."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch import GPT, Conv2d, Linear, MaxPool2d, ReLU, Tensor
from tinytorch.capstone import BenchmarkReport, SimpleMLP
from tinytorch.io import load_safetensors, save_safetensors
from tinytorch.nn import Flatten, Layer, Sequential, prune
from tinytorch.nn.quantized import (
    Conv2dInt8,
    LinearInt8,
    convert,
    count_parameters,
    load_stored,
    stored_bytes,
)


def cnn():
    np.random.seed(3)
    return Sequential(
        Conv2d(1, 8, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(128, 32), ReLU(),
        Linear(32, 10),
    )  # fmt: skip


def images(n=6):
    return Tensor(np.random.default_rng(1).standard_normal((n, 1, 8, 8)))


def mlp():
    np.random.seed(0)
    model = SimpleMLP(64, 32, 10)
    for layer in (model.fc1, model.fc2):
        layer.weight.data = np.random.randn(*layer.weight.shape) * 0.2
    return model


def test_attributes_are_replaced_in_a_copy():
    model = mlp()
    before = {name: value.copy() for name, value in model.state_dict().items()}
    small = convert(model)
    assert type(small) is SimpleMLP
    assert type(small.fc1) is LinearInt8
    assert type(small.fc2) is LinearInt8
    assert type(model.fc1) is Linear
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    x = Tensor(np.random.randn(20, 64))
    y, z = model(x).data, small(x).data
    assert np.abs(y - z).max() < 0.03 * np.abs(y).max()
    assert small.parameters() == []
    assert small.count_parameters() == model.count_parameters()


def test_list_entries_are_replaced():
    small = convert(cnn())
    kinds = [type(layer).__name__ for layer in small.layers]
    assert kinds == [
        "Conv2dInt8", "ReLU", "MaxPool2d", "Flatten", "LinearInt8", "ReLU", "LinearInt8",
    ]  # fmt: skip
    y, z = cnn()(images()).data, small(images()).data
    assert np.abs(y - z).max() < 0.05 * np.abs(y).max()


def test_bytes_fall():
    model = cnn()
    weights = 8 * 9 + 128 * 32 + 32 * 10
    assert stored_bytes(model) == 4 * (weights + 50)
    assert stored_bytes(convert(model)) == weights + 8 * 50  # a scale and a bias per output
    assert stored_bytes(convert(model, skip=["layers.6"])) == weights - 320 + 8 * 40 + 4 * 330
    assert count_parameters(convert(model, skip=["layers.6"])) == weights + 50


def test_skip():
    small = convert(cnn(), skip=["layers.0", "layers.6"])
    assert [type(small.layers[i]) for i in (0, 4, 6)] == [Conv2d, LinearInt8, Linear]
    assert len(small.parameters()) == 4
    with pytest.raises(ValueError, match="skip names no Linear"):
        convert(cnn(), skip=["layers.1"])


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_calibration(method):
    model = cnn()
    small = convert(model, [images(), images(2).data], method=method)
    for layer in (small.layers[0], small.layers[4], small.layers[6]):
        assert layer.input_scale is not None
        assert layer._native.input_scale > 0
    y, z = model(images()).data, small(images()).data
    assert np.abs(y - z).max() < 0.1 * np.abs(y).max()
    assert "forward" not in model.layers[0].__dict__  # watched for a while, then left alone


def test_calibration_by_minmax_is_the_largest_input():
    model = Sequential(Linear(4, 3))
    small = convert(model, [Tensor([[1.0, -2.0, 0.5, 0.0]]), Tensor([[0.0, 3.0, -1.0, 0.0]])])
    assert small.layers[0]._native.input_scale == np.float32(3) / np.float32(127)


def test_calibration_that_misses_a_layer():
    class Idle(Layer):
        def __init__(self):
            self.used, self.idle = Linear(4, 4), Linear(4, 4)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ValueError, match=r"never reached.*idle"):
        convert(Idle(), [Tensor(np.ones((1, 4)))])
    with pytest.raises(ValueError, match="never reached"):
        convert(Idle(), [])


def test_a_single_layer():
    assert type(convert(Linear(4, 3))) is LinearInt8
    assert type(convert(Conv2d(4, 3, 3))) is Conv2dInt8


def test_shared_layers_stay_shared():
    layer = Linear(4, 4)
    small = convert(Sequential(layer, ReLU(), layer))
    assert small.layers[0] is small.layers[2]
    assert stored_bytes(small) == 16 + 16 + 16


def test_layers_in_tuples_and_dicts():
    class Heads(Layer):
        def __init__(self):
            self.pair = (Linear(4, 4), ReLU())
            self.by_name = {"a": Linear(4, 2)}

        def forward(self, x):
            return self.pair[1](self.pair[0](x))

    small = convert(Heads())
    assert type(small.pair[0]) is LinearInt8


def test_layers_with_their_own_forward_stay():
    class Scaled(Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    patched = Linear(4, 4)
    patched.forward = lambda x: x
    small = convert(Sequential(Scaled(4, 4), patched))
    assert type(small.layers[0]) is Scaled
    assert type(small.layers[1]) is Linear


def test_a_transformer():
    np.random.seed(0)
    model = GPT(vocab_size=11, embed_dim=16, num_layers=2, num_heads=2, max_seq_len=8)
    small = convert(model)
    tokens = Tensor(np.array([[1, 2, 3, 4]]))
    y, z = model.forward(tokens).data, small.forward(tokens).data
    assert np.abs(y - z).max() < 0.1 * np.abs(y).max()
    assert stored_bytes(small) < 0.5 * stored_bytes(model)


def test_converted_models_can_be_copied():
    small = convert(cnn(), [images()])
    other = copy.deepcopy(small)
    np.testing.assert_array_equal(other(images()).data, small(images()).data)
    assert other.count_parameters() == count_parameters(small)
    assert other.count_parameters.__self__ is other
    layer = pickle.loads(pickle.dumps(small.layers[4]))
    x = np.ones((2, 128), np.float32)
    np.testing.assert_array_equal(layer(x), small.layers[4](x))


def test_nothing_to_convert():
    for model in (Sequential(ReLU()), 3, None):
        with pytest.raises(ValueError, match="has no Linear or Conv2d"):
            convert(model)
    again = convert(convert(cnn()))
    assert type(again.layers[4]) is LinearInt8


def test_states_of_other_models():
    state = convert(cnn()).state_dict()
    other = Sequential(
        Conv2d(1, 8, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(128, 16), ReLU(),
        Linear(16, 10),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"layers\.4: the state has out_features=32, the model 16"):
        load_stored(other, state)


@pytest.mark.parametrize("form", ["int8", "static", "sparse", "both"])
def test_files(tmp_path, form):
    model = cnn()
    prune.magnitude_masks(model, 0.8).apply()
    small = {
        "int8": lambda: convert(model),
        "static": lambda: convert(model, [images()]),
        "sparse": lambda: prune.to_sparse(model),
        "both": lambda: prune.to_sparse(model, int8=True),
    }[form]()
    path = tmp_path / "model.safetensors"
    save_safetensors(path, small.state_dict())
    np.random.seed(99)
    fresh = Sequential(
        Conv2d(1, 8, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(128, 32), ReLU(),
        Linear(32, 10),
    )  # fmt: skip
    again = load_stored(fresh, load_safetensors(path))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in small.layers]
    np.testing.assert_array_equal(again(images()).data, small(images()).data)
    assert stored_bytes(again) == stored_bytes(small)


def test_the_report_counts_true_bytes():
    model = mlp()
    X = Tensor(np.random.randn(30, 64))
    y = model(X).data.argmax(axis=1)
    sizes = {}
    for name, one in (("f32", model), ("int8", convert(model))):
        metrics = BenchmarkReport(name).benchmark_model(one, X, y, num_runs=5)
        sizes[name] = metrics["model_size_bytes"]
        assert metrics["parameter_count"] == model.count_parameters()
    assert sizes["f32"] == stored_bytes(model)
    assert sizes["int8"] == stored_bytes(convert(model))
    assert sizes["int8"] < 0.35 * sizes["f32"]
