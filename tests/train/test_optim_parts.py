"""What recipes are made of: groups of optimizers, the one-cycle schedule, averaged weights."""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch import SGD, AdamW, Linear, MSELoss, Tensor
from tinytorch.optim import Groups, OneCycleSchedule
from tinytorch.train import Trainer, WeightAverage

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)


def parameters() -> list[Tensor]:
    made = [
        Tensor(RNG.standard_normal(shape), requires_grad=True) for shape in ((3, 4), (4,), (2,))
    ]
    for p in made:
        p.grad = RNG.standard_normal(p.shape).astype(np.float32)
    return made


def test_groups_step_like_pytorchs_parameter_groups() -> None:
    a, b, c = parameters()
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in (a, b, c)]
    ours = Groups([SGD([a], 0.1, 0.9, 0.01, nesterov=True), SGD([b, c], 0.2, 0.9, nesterov=True)])
    groups = [{"params": theirs[:1], "weight_decay": 0.01}, {"params": theirs[1:], "lr": 0.2}]
    reference = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    for step in range(4):
        for p, q in zip((a, b, c), theirs, strict=True):
            q.grad = torch.tensor(p.grad)
        ours.lr = 0.1 / (1 + step)
        reference.param_groups[0]["lr"] = 0.1 / (1 + step)
        reference.param_groups[1]["lr"] = 0.2 / (1 + step)
        ours.step()
        reference.step()
    for p, q in zip((a, b, c), theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=2e-6, atol=1e-6)


def test_groups_keep_their_state() -> None:
    a, b, _ = parameters()
    one = Groups([SGD([a], 0.1, 0.9), AdamW([b], 0.01)])
    one.step()
    other = Groups([SGD([a], 0.1, 0.9), AdamW([b], 0.01)])
    other.load_state_dict(one.state_dict())
    assert other.step_count == 1
    assert np.array_equal(
        other.optimizers[0].momentum_buffers[0], one.optimizers[0].momentum_buffers[0]
    )
    with pytest.raises(ValueError, match="groups"):
        Groups([SGD([a], 0.1)]).load_state_dict(one.state_dict())


def test_groups_check_their_parts() -> None:
    a, b, _ = parameters()
    with pytest.raises(ValueError, match="two groups"):
        Groups([SGD([a], 0.1), SGD([a, b], 0.1)])
    with pytest.raises(ValueError, match="above 0"):
        Groups([SGD([a], 0.1), SGD([b], 0.0)])
    with pytest.raises(ValueError, match="at least one"):
        Groups([])


def test_one_cycle_rises_and_falls() -> None:
    schedule = OneCycleSchedule(2.0, 101, warmup=0.2, start=0.5, end=0.1)
    rates = [schedule.get_lr(step) for step in range(101)]
    assert rates[0] == 1.0
    assert rates[20] == pytest.approx(2.0)
    assert rates[100] == pytest.approx(0.2)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert schedule.get_lr(500) == rates[100]
    assert OneCycleSchedule(1.0, 1, warmup=0.0).get_lr(0) == 1.0
    for wrong in ({"steps": 0}, {"steps": 5, "warmup": 1.0}):
        with pytest.raises(ValueError, match=r"steps|warmup"):
            OneCycleSchedule(1.0, **wrong)


def test_the_average_follows_its_formula_and_is_what_is_evaluated() -> None:
    np.random.seed(0)
    model = Linear(3, 2)
    average = WeightAverage(0.9)
    seen = []
    for n in range(1, 6):
        model.weight.data = np.full((3, 2), n, np.float32)
        average.update(model)
        rate = 1 - min(0.9, n / (n + 9))
        seen.append(n if n == 1 else seen[-1] + rate * (n - seen[-1]))
        np.testing.assert_allclose(average.arrays["weight"], seen[-1], rtol=1e-6)
    with average.applied(model):
        np.testing.assert_allclose(model.weight.data, seen[-1], rtol=1e-6)
    assert (model.weight.data == 5).all()
    with pytest.raises(ValueError, match="decay"):
        WeightAverage(1.0)


def test_a_trainer_ends_with_the_average() -> None:
    np.random.seed(0)
    model = Linear(3, 2)
    batches = [(Tensor(RNG.standard_normal((4, 3))), Tensor(RNG.standard_normal((4, 2))))] * 5
    trainer = Trainer(
        model, SGD(model.parameters(), 0.05), MSELoss(), average=WeightAverage(0.9), progress=False
    )
    trainer.fit(batches, 2, validation=batches)
    assert trainer.average is not None
    assert np.array_equal(model.weight.data, trainer.average.arrays["weight"])
    assert trainer.average.updates == 10
    assert trainer.evaluate(batches).loss == pytest.approx(trainer.history[-1]["val_loss"])


def test_bfloat16_products_are_an_option_of_the_trainer() -> None:
    results = {}
    for precision in ("f32", "bf16"):
        np.random.seed(0)
        model = Linear(64, 32)
        r = np.random.default_rng(1)
        batches = [(Tensor(r.standard_normal((16, 64))), Tensor(r.standard_normal((16, 32))))]
        optimizer = SGD(model.parameters(), 0.05)
        Trainer(model, optimizer, MSELoss(), precision=precision, progress=False).fit(batches, 3)
        results[precision] = model.weight.data
    assert not np.array_equal(results["f32"], results["bf16"])
    np.testing.assert_allclose(results["f32"], results["bf16"], atol=2e-3)
    with pytest.raises(ValueError, match="precision"):
        Trainer(Linear(2, 2), None, MSELoss(), precision="int8")
