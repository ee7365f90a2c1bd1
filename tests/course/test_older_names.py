"""Small things behind older paths (contract 23, 26)."""

import numpy as np
import pytest

from tinytorch import Linear, ReLU, Sigmoid, Tensor
from tinytorch.competition import submit
from tinytorch.core.dense import MLP, LinearNetwork, Sequential, create_mlp
from tinytorch.experimental.kv_cache import (
    CachedMultiHeadAttention,
    KVCache,
    generate_with_cache,
)
from tinytorch.utils.data import DataLoader, SimpleDataset
from tinytorch.utils.profiler import SimpleProfiler, profile_function


@pytest.mark.parametrize(
    "model",
    [
        MLP(4, [8, 6], 3),
        MLP([4, 8, 6, 3]),
        create_mlp(input_size=4, hidden_sizes=[8, 6], output_size=3),
    ],
)
def test_dense(model):
    kinds = [type(layer) for layer in model.layers]
    assert kinds == [Linear, ReLU, Linear, ReLU, Linear]
    assert model(Tensor(np.ones((2, 4)))).shape == (2, 3)
    assert len(model.parameters()) == 6


def test_dense_options():
    assert LinearNetwork is MLP
    assert Sequential([Linear(1, 1)]).layers
    model = MLP(4, 8, 1, output_activation=Sigmoid)
    assert isinstance(model.layers[-1], Sigmoid)
    with pytest.raises(ValueError, match="input and an output"):
        MLP([4])


def test_simple_dataset():
    loader = DataLoader(SimpleDataset([(np.ones(2), np.float32(i)) for i in range(5)]), 2)
    batches = list(loader)
    assert len(batches) == 3
    np.testing.assert_array_equal(batches[1][1].data, [2, 3])


def test_profiler(capsys):
    profiler = SimpleProfiler()
    result = profiler.profile(lambda n: np.ones(n), 1000, name="ones")
    assert result["name"] == "ones"
    assert result["wall_time"] > 0
    assert result["result_shape"] == (1000,)
    assert result["peak_memory_mb"] > 0
    assert profiler.get_capabilities()["memory"]
    bare = SimpleProfiler(track_memory=False, track_cpu=False).profile(abs, -1, warmup=False)
    assert bare["result"] == 1
    assert "cpu_time" not in bare
    assert profile_function(abs, -2, name="abs", show_details=True)["result"] == 2
    assert "abs" in capsys.readouterr().out


def test_single_layer_cache():
    layer = CachedMultiHeadAttention(8, 2)
    x = np.random.default_rng(0).standard_normal((1, 5, 8))
    mask = np.tril(np.ones((5, 5)))
    expected = layer(Tensor(x), Tensor(mask)).data
    cache = KVCache(1, 2, 4, 5)
    first = layer(Tensor(x[:, :2]), cache=cache).data
    rest = [layer(Tensor(x[:, i : i + 1]), cache=cache).data for i in range(2, 5)]
    np.testing.assert_allclose(np.concatenate([first, *rest], axis=1), expected, atol=1e-5)
    with pytest.raises(ValueError, match="exceeds"):
        layer(Tensor(x[:, :1]), cache=cache)


def test_generation_with_a_function():
    def next_number(tokens, cache):
        return np.eye(10)[(tokens.data.astype(int) + 1) % 10]

    result = generate_with_cache(next_number, [[3]], 4, KVCache(1, 1, 1, 10))
    np.testing.assert_array_equal(result.data, [[3, 4, 5, 6, 7]])


def test_competition():
    assert all(submit.validate_installation().values())
    with pytest.raises(ValueError, match="unknown baseline"):
        submit.load_baseline_model("none")
    model = submit.load_baseline_model()
    assert model.forward(Tensor(np.zeros((1, 3, 32, 32)))).shape == (1, 10)
    baseline = submit.generate_baseline(quick=True)
    assert set(baseline) == {
        "model",
        "accuracy",
        "latency_ms",
        "memory_mb",
        "parameters",
        "mode",
    }
    assert baseline["accuracy"] is None  # no data, no accuracy
    assert baseline["latency_ms"] > 0


def test_a_submission_is_measured_and_checked():
    baseline = submit.load_baseline_model()
    optimized = submit.optimize_for_competition(baseline, "memory_challenge")
    assert optimized is not baseline
    assert optimized.techniques
    zeros = sum(int(np.sum(p.data == 0)) for p in optimized.parameters())
    assert zeros > 0.5 * sum(p.size for p in optimized.parameters())
    images, labels = np.random.randn(8, 3, 32, 32), np.arange(8)
    submission = submit.generate_submission(baseline, optimized, data=(images, labels))
    assert 0 <= submission["baseline"]["accuracy"] <= 1
    outcome = submit.validate_submission(submission)
    assert outcome["valid"], outcome["errors"]
    assert submit.validate_submission({})["valid"] is False
    submission["baseline"]["latency_ms"] = -1
    assert "baseline.latency_ms" in " ".join(submit.validate_submission(submission)["errors"])
    for wrong in ({"event": "swimming"}, {"division": "third"}):
        with pytest.raises(ValueError, match="unknown"):
            submit.optimize_for_competition(baseline, **wrong)
