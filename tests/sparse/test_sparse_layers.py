"""Sparse layers: equal to the dense ones on the same weights, bytes, states."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import Conv2d, Linear, ReLU, Tensor, _core
from tinytorch.nn import Flatten, Sequential, prune
from tinytorch.nn.quantized import Conv2dInt8, LinearInt8, convert, stored_bytes
from tinytorch.nn.sparse import Conv2dCsr, LinearBsr, LinearCsr, LinearNm, to_sparse

sparse = _core.sparse


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def pruned_linear(n_in, n_out, sparsity, seed=0, nm=False):
    layer = Linear(n_in, n_out)
    w = random(n_in, n_out, seed=seed)
    mask = sparse.nm_mask(w, 2, 4, axis=0) if nm else sparse.magnitude_mask(w, sparsity)
    layer.weight.data = w * mask
    layer.bias.data = random(n_out, seed=seed + 1)
    return layer


def formats(nm):
    kinds = {"csr": LinearCsr, "bsr4": LinearBsr, "bsr1": lambda one: LinearBsr(one, depth=1)}
    return kinds | ({"nm": LinearNm} if nm else {})


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(0, 40),
    k=st.integers(1, 50),
    n=st.integers(1, 40),
    sparsity=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 99),
    nm=st.booleans(),
)
def test_products(m, k, n, sparsity, seed, nm):
    dense = pruned_linear(k, n, sparsity, seed, nm)
    x = random(m, k, seed=seed + 7)
    expected = x.astype(np.float64) @ dense.weight.data + dense.bias.data
    size = np.abs(x) @ np.abs(dense.weight.data) + np.abs(dense.bias.data)
    q = LinearInt8(dense)
    for kind in formats(nm).values():
        layer = kind(dense)
        assert (np.abs(layer(x) - expected) <= 2e-6 * size + 1e-30).all()
        np.testing.assert_array_equal(layer.weight.data, dense.weight.data)
        # The same integers, so the same bits.
        np.testing.assert_array_equal(kind(q)(x), q(x))


@pytest.mark.parametrize("input_scale", [0.0, 0.03])
def test_convolutions(input_scale):
    np.random.seed(0)
    conv = Conv2d(3, 7, 3, stride=2, padding=1)
    conv.weight.data = conv.weight.data * sparse.magnitude_mask(conv.weight.data, 0.8)
    conv.bias.data = random(7)
    x = random(3, 3, 9, 8)
    np.testing.assert_allclose(Conv2dCsr(conv)(x), conv(Tensor(x)).data, atol=1e-5)
    q = Conv2dInt8(conv, input_scale)
    np.testing.assert_array_equal(Conv2dCsr(q)(x), q(x))


def test_bytes():
    dense = pruned_linear(300, 64, 0.9)
    kept = 64 * 300 - 17280
    csr = LinearCsr(dense)
    assert csr.nonzeros == kept
    assert csr.sparsity == pytest.approx(0.9)
    assert csr.stored_bytes() == kept * (4 + 2) + 65 * 4 + 64 * 4
    assert csr.count_parameters() == kept + 64
    q = LinearCsr(LinearInt8(dense))
    assert q.is_int8
    assert q.stored_bytes() == q.nonzeros * (1 + 2) + 65 * 4 + 64 * 4 + 64 * 4
    assert sum(part.nbytes for name, part in q.state().items() if name != "shape") == (
        q.stored_bytes()
    )
    nm = LinearNm(pruned_linear(300, 64, 0, nm=True))
    assert nm.stored_bytes() == 64 * 150 * 4 + 64 * 150 // 4 + 64 * 4


def layers_of_all_kinds():
    dense, two_four = pruned_linear(20, 18, 0.8), pruned_linear(20, 18, 0, nm=True)
    conv = Conv2d(2, 4, 3, stride=(2, 1), padding=(0, 1))
    for one in (dense, LinearInt8(dense, 0.02)):
        yield LinearCsr(one), random(3, 20)
        yield LinearBsr(one), random(3, 20)
    for one in (two_four, LinearInt8(two_four)):
        yield LinearNm(one), random(3, 20)
    for one in (conv, Conv2dInt8(conv)):
        yield Conv2dCsr(one), random(2, 2, 6, 7)


def test_states_and_copies():
    for layer, x in layers_of_all_kinds():
        for other in (
            type(layer).from_state(layer.state()),
            copy.deepcopy(layer),
            pickle.loads(pickle.dumps(layer)),
            type(layer).from_state(layer.state_dict()),
        ):
            np.testing.assert_array_equal(other(x), layer(x))
            assert other.stored_bytes() == layer.stored_bytes()
            assert repr(other) == repr(layer)


def test_load_state_dict_into_the_same_sizes():
    a, b = LinearCsr(pruned_linear(20, 18, 0.8)), LinearCsr(pruned_linear(20, 18, 0.8, seed=5))
    assert not np.array_equal(a.row_pointers, b.row_pointers)
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(b(random(3, 20)), a(random(3, 20)))
    np.testing.assert_array_equal(b.row_pointers, a.row_pointers)


def test_hostile_states():
    """Any byte of a state may be wrong: an error or another matrix, never a crash."""
    rng = np.random.default_rng(0)
    refused = 0
    for layer, x in layers_of_all_kinds():
        for _ in range(150):
            state = {name: part.copy() for name, part in layer.state().items()}
            name = rng.choice([n for n in state if state[n].size])
            raw = state[name].view(np.uint8).reshape(-1)
            raw[rng.integers(raw.size)] = rng.integers(256)
            try:
                other = type(layer).from_state(state)
            except (ValueError, TypeError, IndexError, MemoryError):
                refused += 1
                continue
            shape = (
                (2, getattr(other, "in_features", 0))
                if x.ndim == 2
                else (1, other.in_channels, 6, 7)
            )
            if np.prod(shape) < 1e6:
                try:
                    other(np.zeros(shape, np.float32))
                except ValueError:
                    refused += 1
    assert refused > 100


def test_gradients_do_not_pass():
    layer = LinearCsr(pruned_linear(20, 18, 0.8))
    assert layer.parameters() == []
    assert not layer(Tensor(random(2, 20), requires_grad=True)).requires_grad


def network():
    np.random.seed(0)
    return Sequential(
        Conv2d(1, 8, 3, padding=1), ReLU(), Flatten(), Linear(512, 64), ReLU(), Linear(64, 10)
    )


def test_to_sparse_takes_layers_above_the_threshold():
    model = network()
    prune.magnitude_masks(model, 0.9, scope="layer", skip=["layers.5"]).apply()
    small = to_sparse(model)
    assert [type(small.layers[i]) for i in (0, 3, 5)] == [Conv2dCsr, LinearCsr, Linear]
    assert type(model.layers[3]) is Linear
    x = Tensor(random(4, 1, 8, 8))
    np.testing.assert_allclose(small(x).data, model(x).data, atol=1e-5)
    assert stored_bytes(small) < 0.25 * stored_bytes(model)
    assert to_sparse(model, 0.95).layers[3].__class__ is Linear


def test_int8_and_sparse_together_are_smallest():
    model = network()
    prune.magnitude_masks(model, 0.9).apply()
    forms = {
        "baseline": model,
        "int8": convert(model),
        "pruned": to_sparse(model),
        "both": to_sparse(model, int8=True),
    }
    sizes = {name: stored_bytes(form) for name, form in forms.items()}
    assert sizes["both"] < sizes["pruned"] < sizes["baseline"]
    assert sizes["both"] < sizes["int8"] < sizes["baseline"]
    x = Tensor(random(4, 1, 8, 8))
    np.testing.assert_array_equal(forms["both"](x).data, forms["int8"](x).data)
    calibrated = convert(model, [x])
    both = to_sparse(calibrated)
    np.testing.assert_array_equal(both(x).data, calibrated(x).data)
    assert both.layers[3]._native.input_scale == calibrated.layers[3]._native.input_scale


def test_auto_takes_the_smallest_form():
    model = network()
    prune.nm_masks(model, 2, 4).apply()
    small = to_sparse(model, 0.4, format="auto")
    assert type(small.layers[3]) is LinearNm
    model = network()
    prune.block_masks(model, 0.75).apply()
    assert type(to_sparse(model, format="auto").layers[3]) is LinearBsr
    model = network()
    assert type(to_sparse(model, 0.0, format="auto").layers[3]) is Linear  # nothing is smaller


def test_to_sparse_refuses():
    with pytest.raises(ValueError, match="unknown format"):
        to_sparse(network(), format="coo")
    with pytest.raises(ValueError, match="threshold"):
        to_sparse(network(), 1.5)
    with pytest.raises(ValueError, match="non-zeros among columns"):
        to_sparse(network(), 0.0, format="nm")
