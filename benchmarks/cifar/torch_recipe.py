"""The recipes in PyTorch: the same network, optimizer, schedule and augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tinytorch.models.nodes import for_half_images
from tinytorch.optim import OneCycleSchedule
from tinytorch.recipes import ImageRecipe


class TorchNet(nn.Module):
    """A ConvNet's nodes with its weights; channels innermost, which PyTorch is fastest with."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.nodes, self.input_shape = network.nodes, network.input_shape
        self.parts = nn.ModuleDict()
        state = {k: torch.tensor(v) for k, v in network.state_dict().items()}
        for node in _walk(self.nodes):
            if node[0] in ("conv", "whiten", "bn", "linear"):
                self.parts[node[1]] = _module(node, state)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Any) -> Any:
        whole = tuple(x.shape[1:]) == tuple(self.input_shape)
        return self._run(self.nodes if whole else for_half_images(self.nodes, self.input_shape), x)

    def _run(self, nodes: Any, x: Any) -> Any:
        kept: list[Any] = []
        for kind, *rest in nodes:
            if kind in ("conv", "whiten", "bn"):
                x = self.parts[rest[0]](x)
            elif kind == "linear":
                x = self.parts[rest[0]](x.flatten(1))
            elif kind == "relu":
                x = F.relu(x, inplace=True)
            elif kind == "maxpool":
                x = F.max_pool2d(x, rest[0])
            elif kind == "gap":
                x = x.mean((2, 3))
            elif kind == "push":
                kept.append(x)
            elif kind == "proj":
                kept[-1] = self._run(rest[0], kept[-1])
            elif kind == "add":
                x = x + kept.pop()
        return x


def _walk(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        if node[0] == "proj":
            yield from _walk(node[1])
        else:
            yield node


def _module(node: Any, state: dict[str, Any]) -> nn.Module:
    kind, name, *sizes = node
    made: nn.Module
    if kind == "bn":
        made = nn.BatchNorm2d(sizes[0])
        names = {"weight": "gamma", "bias": "beta"}
    elif kind == "linear":
        made = nn.Linear(sizes[0], sizes[1])
        names = {}
    else:
        inputs, outputs, kernel = sizes[:3]
        stride, padding, groups = (*sizes[3:], *(1, 0, 1)[len(sizes[3:]) :])
        biased = f"{name}.bias" in state
        made = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=biased)
        names = {}
    with torch.no_grad():
        for key, value in made.named_parameters():
            from_ours = state[f"{name}.{names.get(key, key)}"]
            value.copy_(from_ours.T if kind == "linear" and key == "weight" else from_ours)
    if kind == "whiten":
        made.weight.requires_grad = False
    return made


class FilterMuon(torch.optim.Muon):
    """PyTorch's Muon for filters (O, I, H, W), which it updates as matrices (O, H W I): a view of
    how channels-last memory has them. They are scaled to unit norm first."""

    def __init__(self, filters: list[nn.Parameter], lr: float, momentum: float) -> None:
        self.filters = filters
        matrices = [nn.Parameter(_matrix(one.detach())) for one in filters]
        super().__init__(matrices, lr, weight_decay=0.0, momentum=momentum, ns_steps=3)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for one, matrix in zip(self.filters, self.param_groups[0]["params"], strict=True):
            matrix.mul_(len(matrix) ** 0.5 / matrix.norm())
            matrix.grad = None if one.grad is None else _matrix(one.grad)
        super().step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
        for one in self.filters:
            one.grad = None


def _matrix(filters: torch.Tensor) -> torch.Tensor:
    channels_last = filters.contiguous(memory_format=torch.channels_last)
    return channels_last.permute(0, 2, 3, 1).flatten(1)


class Optimizers:
    """The groups of tinytorch.recipes, each rate a share of the schedule's."""

    def __init__(self, net: TorchNet, r: ImageRecipe) -> None:
        weights, scales, shifts, head = _parameters(net)
        decay = r.weight_decay
        groups = [
            {"params": [] if r.muon else weights, "share": r.lr, "weight_decay": decay},
            {"params": scales, "share": r.lr, "weight_decay": 0.0},
            {"params": shifts, "share": r.lr * r.bias_scale,
             "weight_decay": decay / r.bias_scale if r.bias_scale > 1 else 0.0},
            {"params": head, "share": r.lr * r.head_scale, "weight_decay": decay / r.head_scale},
        ]  # fmt: skip
        groups = [group for group in groups if group["params"]]
        self.all: list[torch.optim.Optimizer] = [
            torch.optim.SGD(groups, lr=r.lr, momentum=r.momentum, nesterov=True)
        ]
        if r.muon:
            muon = FilterMuon(weights, r.muon, r.muon_momentum)
            muon.param_groups[0]["share"] = r.muon
            self.all.append(muon)

    def step(self, rate: float) -> None:
        for one in self.all:
            for group in one.param_groups:
                group["lr"] = rate * group["share"]
            one.step()
            one.zero_grad(set_to_none=True)

    def zero_grad(self) -> None:
        for one in self.all:
            one.zero_grad(set_to_none=True)


def _parameters(net: TorchNet) -> tuple[list[nn.Parameter], ...]:
    """Filters; scales and shifts of norms, and biases; weights of the last layer."""
    weights, scales, shifts, head = [], [], [], []
    for module in net.parts.values():
        if isinstance(module, nn.BatchNorm2d):
            scales.append(module.weight)
            shifts.append(module.bias)
            continue
        if module.weight.requires_grad:
            (head if isinstance(module, nn.Linear) else weights).append(module.weight)
        if module.bias is not None:
            shifts.append(module.bias)
    return weights, scales, shifts, head


class TorchPairs:
    """Ties arrays as `tinytorch.recipes._mirror.MirrorPairs` does, by its table of places."""

    def __init__(self, net: TorchNet, places: dict[tuple[str, str], np.ndarray]) -> None:
        theirs = {"gamma": "weight", "beta": "bias"}
        self.parts: list[tuple[nn.Module, str, torch.Tensor]] = [
            (net.parts[layer], theirs.get(name, name), torch.tensor(where))
            for (layer, name), where in places.items()
        ]

    @torch.no_grad()
    def tie_gradients(self) -> None:
        for module, name, where in self.parts:
            grad = getattr(getattr(module, name), "grad", None)
            if grad is not None:
                _tie(module, grad, where)

    @torch.no_grad()
    def tie_values(self) -> None:
        for module, name, where in self.parts:
            _tie(module, getattr(module, name), where)


def _tie(module: nn.Module, value: torch.Tensor, where: torch.Tensor) -> None:
    ours = value.T if isinstance(module, nn.Linear) and value.ndim == 2 else value
    ours.add_(torch.take(ours, where).view(ours.shape)).mul_(0.5)


class TorchTraining:
    """Steps of a recipe on stored images; `places` are those of the recipe's mirror pairs."""

    def __init__(
        self, network: Any, recipe: ImageRecipe, images: np.ndarray, labels: np.ndarray, steps: int,
        *, bf16: bool, compiled: bool, seed: int = 0,
        places: dict[tuple[str, str], np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.r, self.bf16 = recipe, bf16
        self.net = TorchNet(network)
        self.run = torch.compile(self.net) if compiled else self.net
        self.optimizers = Optimizers(self.net, recipe)
        self.pairs = None if places is None else TorchPairs(self.net, places)
        self.schedule = OneCycleSchedule(1.0, max(steps, 1), warmup=recipe.warmup, end=recipe.end)
        mean, std = torch.tensor(network.mean), torch.tensor(network.std)
        self.mean, self.std = mean[:, None, None], std[:, None, None]
        pad = (recipe.augment.pad,) * 4
        stored = torch.tensor(images).float() / 255
        normal = (stored - self.mean) / self.std
        self.images = F.pad(normal, pad, "reflect") if recipe.augment.pad else normal
        self.labels = torch.tensor(labels.astype(np.int64))
        self.loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.per_epoch = len(images) // recipe.batch_size
        self.done = 0
        self.epoch = -1
        self.order = torch.arange(0)

    def step(self) -> None:
        x, y = self._batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.loss(self.run(x), y)
        loss.backward()
        if self.pairs is not None:
            self.pairs.tie_gradients()
        self.optimizers.step(self.schedule.get_lr(self.done))
        self.done += 1
        if self.pairs is not None and self.done % self.per_epoch == 0:
            self.pairs.tie_values()

    def warm_up(self) -> None:
        """Compile for training, without learning anything."""
        state = {name: value.clone() for name, value in self.net.state_dict().items()}
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            self.loss(self.run(self.images[: self.r.batch_size, :, :32, :32]
                               .contiguous(memory_format=torch.channels_last)),
                      self.labels[: self.r.batch_size]).backward()  # fmt: skip
        self.optimizers.zero_grad()
        self.net.load_state_dict(state)

    def scores(self, images: np.ndarray) -> np.ndarray:
        self.net.eval()
        with torch.no_grad():
            normal = (torch.tensor(images).float() / 255 - self.mean) / self.std
            made = [self.net(part) for part in normal.split(500)]
        self.net.train()
        return torch.cat(made).numpy()

    def _batch(self) -> tuple[Any, Any]:
        size = self.r.batch_size
        if self.done // self.per_epoch != self.epoch:
            self.epoch = self.done // self.per_epoch
            self.order = torch.randperm(len(self.images))
            self.mirrored = torch.rand(len(self.images)) < 0.5 if self.epoch == 0 else self.mirrored
        at = self.done % self.per_epoch * size
        rows = self.order[at : at + size]
        x = self._moved(self.images[rows])
        if self.r.augment.flip != "none":
            mirrored = self.mirrored[rows] ^ bool(self.epoch % 2)
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
        if self.r.augment.cutout:
            x = self._cut(x)
        if self.epoch < self.r.small_epochs:
            x = F.avg_pool2d(x, 2)
        return x.contiguous(memory_format=torch.channels_last), self.labels[rows]

    def _moved(self, x: Any) -> Any:
        """Windows of padded images, those of one place at once."""
        pad = self.r.augment.pad
        if pad == 0:
            return x
        side = x.shape[2] - 2 * pad
        out = x.new_empty(len(x), 3, side, side)
        down, right = torch.randint(0, 2 * pad + 1, (2, len(x)))
        for i in range(2 * pad + 1):
            for j in range(2 * pad + 1):
                rows = (down == i) & (right == j)
                out[rows] = x[rows, :, i : i + side, j : j + side]
        return out

    def _cut(self, x: Any) -> Any:
        size, side = self.r.augment.cutout, x.shape[2]
        top, left = torch.randint(0, side, (2, len(x), 1)) - size // 2
        at = torch.arange(side)
        rows = (at >= top) & (at < top + size)
        cols = (at >= left) & (at < left + size)
        return x.masked_fill((rows[:, :, None] & cols[:, None, :])[:, None], 0.0)
