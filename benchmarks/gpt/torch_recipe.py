"""The training of a text recipe in PyTorch: same network and weights, optimizers and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from tinytorch.models.gpt_net import GptNet
from tinytorch.optim import OneCycleSchedule
from tinytorch.recipes import TextRecipe

_BETAS = (0.9, 0.99)


class Block(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, recipe: TextRecipe, eps: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, recipe.dropout
        self.norm1, self.norm2 = nn.RMSNorm(width, eps), nn.RMSNorm(width, eps)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, hidden, bias=False) if recipe.gated else None
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.activation = {
            "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
            "gelu": nn.functional.gelu,
            "silu": nn.functional.silu,
            "relu": nn.functional.relu,
        }[recipe.activation]

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for t in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.dropped(self.proj(y.transpose(1, 2).flatten(2)))
        h = self.norm2(x)
        up = self.up(h)
        hidden = self.activation(up) if self.gate is None else self.activation(self.gate(h)) * up
        return x + self.dropped(self.down(hidden))

    def dropped(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, self.dropout, self.training)


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).type_as(x)


class Gpt(nn.Module):
    def __init__(self, net: GptNet, recipe: TextRecipe) -> None:
        super().__init__()
        c = net.config
        self.dropout = recipe.dropout
        self.tokens = nn.Embedding(c.vocabulary, c.width)
        self.blocks = nn.ModuleList(
            Block(c.width, c.hidden, c.heads, recipe, c.eps) for _ in range(c.layers)
        )
        self.norm = nn.RMSNorm(c.width, c.eps)
        self.head = nn.Linear(c.width, c.vocabulary, bias=False)
        rates = c.rope_theta ** (-torch.arange(0, c.head_size, 2) / c.head_size)
        angles = torch.arange(c.max_length)[:, None] * rates
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        self.load_state_dict(theirs(net), strict=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        x = nn.functional.dropout(self.tokens(ids), self.dropout, self.training)
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length])
        return self.head(self.norm(x))


def theirs(net: GptNet) -> dict[str, torch.Tensor]:
    """Our weights by PyTorch's names: both have matrices (out, in) here."""
    named = {}
    for name, array in net.weights().items():
        known = name.replace(".gamma", ".weight")
        named["tokens.weight" if name == "tokens" else known] = torch.tensor(array)
    return named


class TorchTraining:
    """Steps on batches (inputs, targets); `bf16` for autocast, `compiled` for torch.compile."""

    def __init__(
        self, net: GptNet, recipe: TextRecipe, *, bf16: bool = False, compiled: bool = False
    ) -> None:
        self.recipe, self.bf16 = recipe, bf16
        self.plain = Gpt(net, recipe)
        self.model: Any = torch.compile(self.plain) if compiled else self.plain
        self.schedule = OneCycleSchedule(
            recipe.matrix_lr, recipe.steps, warmup=recipe.warmup, end=recipe.end
        )
        blocks = list(self.plain.blocks.parameters())
        tables = [self.plain.tokens.weight, self.plain.head.weight]
        scales = [p for p in blocks if p.ndim == 1] + [self.plain.norm.weight]
        self.muon = torch.optim.Muon(
            [p for p in blocks if p.ndim == 2], recipe.matrix_lr,
            weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw",
        )  # fmt: skip
        self.adamw = torch.optim.AdamW(
            [*tables, *scales], recipe.lr, _BETAS, weight_decay=0.0, fused=True
        )
        self.done = 0

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        share = self.schedule.get_lr(self.done) / self.recipe.matrix_lr
        for optimizer, rate in ((self.muon, self.recipe.matrix_lr), (self.adamw, self.recipe.lr)):
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = self.model(torch.from_numpy(inputs))
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1).float(), torch.from_numpy(targets).flatten()
            )
        loss.backward()
        self.muon.step()
        self.adamw.step()
        self.done += 1
        return loss.item()
