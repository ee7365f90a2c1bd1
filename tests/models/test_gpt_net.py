"""The network that is trained: like the session that runs it, and like PyTorch step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinytorch import AdamW, Tensor, engine
from tinytorch.core.autograd import no_grad
from tinytorch.models.gpt import GptConfig, RopeScaling
from tinytorch.models.gpt_net import GptNet

F = engine.ops
FORMS: dict[str, dict[str, Any]] = {
    "gpt2": {"heads": 2},
    "llama": {
        "heads": 4, "kv_heads": 2, "norm": "rms", "positions": "rotary", "gated": True,
        "activation": "silu", "tied": False, "hidden": 20,
    },
    "scaled positions": {
        "heads": 2, "positions": "rotary",
        "rope_scaling": RopeScaling("llama3", 4.0, low=0.5, high=2.0, length=8),
    },
    "small heads": {"heads": 2, "head_size": 4, "positions": "rotary", "activation": "relu"},
}  # fmt: skip


def network(form: str, biases: bool = True, seed: int = 0, **options: Any) -> GptNet:
    np.random.seed(seed)
    sizes = {"vocabulary": 11, "width": 16, "layers": 2, "max_length": 12, **FORMS[form]}
    net = GptNet(GptConfig(**sizes), biases=biases, **options)
    for p in net.parameters():  # larger than usual, so that everything shows
        p.data = p.data + np.random.randn(*p.shape).astype(np.float32) * 0.2
    return net


def tokens(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 11, shape)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_the_session_gives_its_logits(form: str, biases: bool) -> None:
    net = network(form, biases)
    ids = tokens(2, 9)
    session = net.session()
    with no_grad():
        logits = net.forward(ids).data
    made = session.append([session.sequence(9) for _ in ids], list(ids), wanted=9)
    np.testing.assert_allclose(made.reshape(logits.shape), logits, atol=2e-4)


@pytest.mark.parametrize("form", FORMS)
def test_weights_go_out_and_come_back(form: str) -> None:
    net, other = network(form), network(form, seed=5)
    weights = net.weights()
    assert {name: w.shape for name, w in weights.items()} == net.config.shapes()
    other.load_weights(weights)
    ids = tokens(1, 5)
    np.testing.assert_array_equal(other.forward(ids).data, net.forward(ids).data)
    del weights["norm.gamma"]
    with pytest.raises(ValueError, match=r"norm\.gamma"):
        other.load_weights(weights)


@pytest.mark.parametrize("form", FORMS)
def test_recomputing_changes_no_gradient(form: str) -> None:
    gradients = []
    for recompute in (False, True):
        net = network(form, dropout=0.3, recompute=recompute)
        engine.manual_seed(2)
        loss = F.cross_entropy(net.forward(tokens(2, 7)), tokens(2, 7, seed=2))
        loss.backward()
        gradients.append([np.asarray(p.grad) for p in net.parameters()])
    for plain, again in zip(*gradients, strict=True):
        np.testing.assert_allclose(again, plain, rtol=1e-5, atol=1e-6)


def test_dropout_only_while_training() -> None:
    net = network("gpt2", dropout=0.5)
    ids = tokens(1, 6)
    assert not np.array_equal(net.forward(ids).data, net.forward(ids).data)
    net.eval()
    np.testing.assert_array_equal(net.forward(ids).data, net.forward(ids).data)


@pytest.mark.parametrize("form", FORMS)
def test_fifty_steps_are_those_of_pytorch(form: str) -> None:
    torch = pytest.importorskip("torch")
    net = network(form)
    theirs = {
        name: torch.nn.Parameter(torch.tensor(p.data.copy())) for name, p in net.named_parameters()
    }
    ours = AdamW(net.parameters(), 3e-3, weight_decay=0.1)
    reference = torch.optim.AdamW(theirs.values(), 3e-3, weight_decay=0.1)
    for step in range(50):
        ids = tokens(3, 10, seed=step)
        loss = F.cross_entropy(net.forward(ids[:, :-1]), ids[:, 1:])
        expected = torch.nn.functional.cross_entropy(
            torch_forward(torch, net.config, theirs, ids[:, :-1]).reshape(-1, 11),
            torch.tensor(ids[:, 1:].reshape(-1)),
        )
        assert float(loss.data) == pytest.approx(expected.item(), abs=1e-3)
        ours.zero_grad()
        reference.zero_grad()
        loss.backward()
        expected.backward()
        ours.step()
        reference.step()


def torch_forward(torch: Any, c: GptConfig, p: dict[str, Any], ids: np.ndarray) -> Any:
    """The formulas anew, in PyTorch's own functions."""
    nn = torch.nn.functional
    acts = {"gelu_tanh": lambda x: nn.gelu(x, approximate="tanh"), "silu": nn.silu, "relu": nn.relu}

    def norm(x: Any, name: str) -> Any:
        if c.norm == "rms":
            return nn.rms_norm(x, (c.width,), p[f"{name}.gamma"], c.eps)
        return nn.layer_norm(x, (c.width,), p[f"{name}.gamma"], p[f"{name}.beta"], c.eps)

    def linear(x: Any, name: str) -> Any:
        return x @ p[f"{name}.weight"] + p.get(f"{name}.bias", 0.0)

    def turned(x: Any) -> Any:  # (batch, heads, length, size)
        half = x.shape[-1] // 2
        angles = torch.arange(x.shape[-2])[:, None] * torch.tensor(c.rotary_frequencies())
        a, b = x[..., :half], x[..., half:]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    x = p["tokens"][torch.tensor(ids)]
    if c.positions == "learned":
        x = x + p["positions"][: ids.shape[1]]
    for i in range(c.layers):
        name = f"blocks.{i}"
        sizes = [c.heads * c.head_size, *[c.kv_heads * c.head_size] * 2]
        parts = linear(norm(x, f"{name}.norm1"), f"{name}.qkv").split(sizes, -1)
        q, k, v = (t.unflatten(-1, (-1, c.head_size)).transpose(1, 2) for t in parts)
        if c.positions == "rotary":
            q, k = turned(q), turned(k)
        y = nn.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + linear(y.transpose(1, 2).flatten(2), f"{name}.proj")
        h = norm(x, f"{name}.norm2")
        act = acts[c.activation]
        up = linear(h, f"{name}.up")
        hidden = act(linear(h, f"{name}.gate")) * up if c.gated else act(up)
        x = x + linear(hidden, f"{name}.down")
    x = norm(x, "norm")
    return x @ p["tokens"].T if c.tied else linear(x, "head")


def test_refuses_what_it_cannot_take() -> None:
    net = network("gpt2")
    for wrong in (tokens(5), tokens(1, 13), np.zeros((1, 0), int)):
        with pytest.raises(ValueError, match="shape"):
            net.forward(wrong)
    with pytest.raises(IndexError):
        net.forward(Tensor(np.full((1, 3), 11)))
