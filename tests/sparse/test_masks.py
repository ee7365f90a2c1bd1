"""Pruning masks of arrays and models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch import SGD, Conv2d, Linear, ReLU, Tensor, _core
from tinytorch.nn import Flatten, Sequential, prune

sparse = _core.sparse
weights = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=4, max_side=6), elements=st.integers(-3, 3).map(float)
)


@settings(max_examples=150, deadline=None)
@given(weights, st.floats(0, 1))
def test_the_count_is_exact_and_the_rest_is_larger(w, sparsity):
    mask = sparse.magnitude_mask(w, sparsity)
    assert mask.dtype == bool
    assert mask.shape == w.shape
    assert np.count_nonzero(~mask) == round(sparsity * w.size)
    if mask.any() and not mask.all():
        assert np.abs(w[~mask]).max() <= np.abs(w[mask]).min()
    # Equal magnitudes go in order of position: the same as a stable sort.
    order = np.argsort(np.abs(w).ravel(), kind="stable")[: round(sparsity * w.size)]
    assert set(np.flatnonzero(~mask.ravel())) == set(order)


@settings(max_examples=100, deadline=None)
@given(weights, st.integers(1, 4), st.integers(0, 3))
def test_n_of_m(w, n, more):
    m = n + more
    mask = sparse.nm_mask(w, n, m)
    length = w.shape[-1]
    for row, kept in zip(w.reshape(-1, length), mask.reshape(-1, length), strict=True):
        for start in range(0, length, m):
            group, keep = np.abs(row[start : start + m]), kept[start : start + m]
            assert keep.sum() == min(n, len(group))
            if not keep.all():
                assert group[~keep].max() <= group[keep].min()


def model():
    np.random.seed(0)
    return Sequential(
        Conv2d(2, 6, 3, padding=1), ReLU(), Flatten(), Linear(6 * 16, 20), ReLU(), Linear(20, 4)
    )


def weights_of(m):
    return [m.layers[0].weight, m.layers[3].weight, m.layers[5].weight]


def test_global_masks():
    m = model()
    masks = prune.magnitude_masks(m, 0.9)
    total = sum(w.size for w in weights_of(m))
    assert list(masks) == ["layers.0", "layers.3", "layers.5"]
    assert sum(int(np.count_nonzero(~masks[path])) for path in masks) == round(0.9 * total)
    masks.apply()
    assert prune.sparsity(m) == pytest.approx(masks.sparsity)
    everything = np.concatenate([w.data.ravel() for w in weights_of(model())])
    left = np.concatenate([w.data.ravel() for w in weights_of(m)])
    limit = np.sort(np.abs(everything))[round(0.9 * total)]
    np.testing.assert_array_equal(left, np.where(np.abs(everything) >= limit, everything, 0))
    assert all((layer.bias.data == 0).all() for layer in (m.layers[0], m.layers[3]))


def test_masks_of_each_layer():
    m = model()
    masks = prune.magnitude_masks(m, 0.5, scope="layer", skip=["layers.5"])
    assert list(masks) == ["layers.0", "layers.3"]
    for path in masks:
        assert np.count_nonzero(~masks[path]) == masks[path].size / 2
    with pytest.raises(ValueError, match="scope"):
        prune.magnitude_masks(m, 0.5, scope="local")
    with pytest.raises(ValueError, match="skip names no"):
        prune.magnitude_masks(m, 0.5, skip=["layers.1"])
    with pytest.raises(ValueError, match="has no Linear"):
        prune.magnitude_masks(Sequential(ReLU()), 0.5)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        prune.magnitude_masks(m, 1.1)


def test_tensors_keep_their_identity_and_masks_hold_through_training():
    m = model()
    before = weights_of(m)
    masks = prune.magnitude_masks(m, 0.7)
    masks.apply()
    optimizer = SGD(m.parameters(), lr=0.1, momentum=0.9)
    x = Tensor(np.random.randn(5, 2, 4, 4))
    for _ in range(3):
        optimizer.zero_grad()
        (m(x) * m(x)).sum().backward()
        optimizer.step()
        masks.apply()
    assert all(a is b for a, b in zip(before, weights_of(m), strict=True))
    assert prune.sparsity(m) >= 0.699
    assert any(np.any(w.data != 0) for w in weights_of(m))


def test_n_of_m_masks_run_over_the_inputs():
    m = model()
    prune.nm_masks(m, 2, 4).apply()
    linear = m.layers[3].weight.data  # (in, out)
    assert (np.count_nonzero(linear.reshape(-1, 4, 20), axis=1) == 2).all()
    conv = m.layers[0].weight.data.reshape(6, -1)
    groups = [np.count_nonzero(conv[:, i : i + 4], axis=1) for i in range(0, 18, 4)]
    assert all((g == 2).all() for g in groups)


def test_block_masks():
    m = model()
    masks = prune.block_masks(m, 0.5)
    assert list(masks) == ["layers.3", "layers.5"]
    mask = masks["layers.3"]
    for i in range(0, 96, 4):
        for j in (0, 16):
            block = mask[i : i + 4, j : j + 16]
            assert block.all() or not block.any()
    assert np.count_nonzero(~mask[::4, ::16]) == 24


def test_shared_weights_count_once():
    layer = Linear(8, 8)
    masks = prune.magnitude_masks(Sequential(layer, ReLU(), layer), 0.5)
    assert len(masks) == 1
    assert masks.sparsity == 0.5
    other = Linear(8, 8)
    other.weight = layer.weight
    assert len(prune.magnitude_masks(Sequential(layer, other), 0.5)) == 1
