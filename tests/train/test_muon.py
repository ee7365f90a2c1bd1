"""Muon: like PyTorch's, and by what it promises of the matrices it applies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import AdamW, Linear, MSELoss, Tensor, _core
from tinytorch.optim import Groups, Muon
from tinytorch.train import Trainer

RNG = np.random.default_rng(0)


def matrix(rows: int, columns: int, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    made = Tensor(rng.standard_normal((rows, columns)), requires_grad=True)
    made.grad = rng.standard_normal((rows, columns)).astype(np.float32)
    return made


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_step_is_nearly_orthogonal(rows: int, columns: int, seed: int) -> None:
    p = matrix(rows, columns, seed)
    before = p.data.copy()
    Muon([p], lr=1.0, weight_decay=0.0).step()
    step = (before - p.data) / np.sqrt(max(1.0, rows / columns))
    values = np.linalg.svd(step, compute_uv=False)
    gradient = np.linalg.svd(p.grad, compute_uv=False)
    clear = values[gradient > 0.02 * np.linalg.norm(gradient)]  # tiny ones take more steps to grow
    assert np.all(values < 1.3)
    assert np.all(clear > 0.5)
    assert np.sum(step * p.grad) > 0  # downhill


@pytest.mark.parametrize("shape", [(16, 48), (48, 16), (24, 24), (1, 7)])
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_like_pytorchs(shape: tuple[int, int], adjust: str, nesterov: bool) -> None:
    torch = pytest.importorskip("torch")
    p = matrix(*shape)
    q = torch.nn.Parameter(torch.tensor(p.data.copy()))
    options: dict[str, Any] = {"momentum": 0.9, "weight_decay": 0.1, "nesterov": nesterov}
    ours = Muon([p], lr=0.02, adjust_lr_fn=adjust, **options)
    theirs = torch.optim.Muon([q], lr=0.02, adjust_lr_fn=adjust, **options)
    for seed in range(4):
        p.grad = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        q.grad = torch.tensor(p.grad)
        before, theirs_before = p.data.copy(), q.detach().numpy().copy()
        ours.step()
        theirs.step()
        moved, expected = p.data - before, q.detach().numpy() - theirs_before
        # Its iteration is in bfloat16, whose errors the quintic spreads among singular values.
        assert np.linalg.norm(moved - expected) < 0.06 * np.linalg.norm(expected)


def filters(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    made = Tensor(rng.standard_normal(shape), requires_grad=True)
    made.grad = rng.standard_normal(shape).astype(np.float32)
    return made


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (4, 1, 1, 1), (16, 4, 1, 1), (0, 3, 3, 3)])
@pytest.mark.parametrize("unit_norm", [True, False])
def test_filters_count_as_matrices(shape: tuple[int, ...], unit_norm: bool) -> None:
    p = filters(shape)
    columns = int(np.prod(shape[1:]))
    q = Tensor(p.data.reshape(shape[0], columns).copy(), requires_grad=True)
    q.grad = p.grad.reshape(shape[0], columns).copy()
    Muon([p], lr=0.1, filters=True, unit_norm=unit_norm).step()
    Muon([q], lr=0.1, unit_norm=unit_norm).step()
    np.testing.assert_array_equal(p.data.reshape(q.shape), q.data)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-3, 1e3), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_unit_norm_forgets_the_scale(rows: int, columns: int, scale: float, seed: int) -> None:
    p, q = matrix(rows, columns, seed), matrix(rows, columns, seed)
    q.data = q.data * np.float32(scale)
    direction = p.data * np.sqrt(rows) / np.linalg.norm(p.data)
    for one in (p, q):
        Muon([one], lr=0.1, weight_decay=0.0, unit_norm=True).step()
    np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)
    moved = np.linalg.norm(p.data - direction) / np.sqrt(max(1.0, rows / columns))
    assert moved < 0.1 * 1.3 * np.sqrt(min(rows, columns))


def test_unit_norm_of_zeros_is_a_step_from_zero() -> None:
    p = matrix(4, 5)
    p.data = np.zeros((4, 5), np.float32)
    Muon([p], lr=0.1, weight_decay=0.0, unit_norm=True).step()
    assert np.all(np.isfinite(p.data))
    assert np.any(p.data != 0)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_tied_matrices_make_the_same_steps(pairs: int, wide: int, single: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.arange(pairs) + pairs, np.arange(pairs)])
    columns = np.arange(2 * wide + single)
    columns[: 2 * wide] = columns[: 2 * wide][::-1]
    ties = rows.astype(np.int64), columns.astype(np.int64)

    def drawn() -> np.ndarray:
        g = rng.standard_normal((len(rows), len(columns))).astype(np.float32)
        return (g + g[rows][:, columns]) / 2

    plain, tied = (Tensor(w.copy(), requires_grad=True) for w in [drawn()] * 2)
    muons = Muon([plain], 0.1, unit_norm=True), Muon([tied], 0.1, unit_norm=True, tied=[ties])
    before = tied.data.copy()
    for _ in range(2):
        plain.grad = tied.grad = drawn()
        for one in muons:
            one.step()
    moved = np.linalg.norm(plain.data - before)
    # In bfloat16, as above; exactly in tests/nn/tied_matrix.cpp.
    assert np.linalg.norm(plain.data - tied.data) < 0.1 * moved
    np.testing.assert_array_equal(tied.data[rows][:, columns], tied.data)


def test_ties_are_checked() -> None:
    p = matrix(2, 4)
    rows, columns = np.array([1, 0]), np.array([3, 2, 1, 0])
    for wrong, said in [
        ([(rows, columns[:2])], "tied are 2 rows and 2 columns"),
        ([], "0 entries for 1"),
        ([(np.array([1, 1]), columns)], "partner"),
    ]:
        with pytest.raises(ValueError, match=said):
            Muon([p], tied=wrong)
    with pytest.raises(TypeError, match="int64"):
        Muon([p], tied=[(rows.astype(np.int32), columns)])
    arrays = [(p.data, p.grad, p.data.copy(), _core.optim.TiedMatrix(columns, rows))]
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        _core.optim.muon_steps(arrays, [], 0.1, 0.9, 0.0, True, 5, "original")


def test_state_round_trip_and_training() -> None:
    layer = Linear(6, 4)
    groups = Groups([Muon([layer.weight], 0.05), AdamW([layer.bias], 0.01)])
    x = RNG.standard_normal((64, 6)).astype(np.float32)
    y = x @ RNG.standard_normal((6, 4)).astype(np.float32)
    trainer = Trainer(layer, groups, MSELoss(), progress=False)
    first = trainer.fit([(x, y)], 120)
    assert first[-1]["train_loss"] < 0.2 * first[0]["train_loss"]
    other = Groups([Muon([layer.weight], 0.5), AdamW([layer.bias], 0.01)])
    other.load_state_dict(groups.state_dict())
    assert other.lr == groups.lr
    np.testing.assert_array_equal(
        other.optimizers[0].momentum_buffers[0], groups.optimizers[0].momentum_buffers[0]
    )


def test_refuses_what_it_is_not_for() -> None:
    with pytest.raises(ValueError, match="matrices"):
        Muon([Tensor(np.zeros(3), requires_grad=True)])
    with pytest.raises(ValueError, match="filters=True"):
        Muon([Tensor(np.zeros((2, 3, 3, 3)), requires_grad=True)])
    with pytest.raises(ValueError, match="matrices"):
        Muon([Tensor(np.zeros((2, 3, 3)), requires_grad=True)], filters=True)
    p = matrix(3, 3)
    for wrong in ({"adjust_lr_fn": "none"}, {"momentum": 1.0}, {"ns_steps": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Muon([p], **wrong)  # type: ignore[arg-type]


def test_a_gradient_of_zeros_moves_nothing() -> None:
    p = matrix(4, 5)
    before = p.data.copy()
    p.grad = np.zeros((4, 5), np.float32)
    Muon([p], weight_decay=0.0).step()
    np.testing.assert_array_equal(p.data, before)
