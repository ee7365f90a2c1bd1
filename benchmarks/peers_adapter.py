"""tinytorch among the engines of the peer benchmarks.

    cd ../shared && PYTHONPATH=/path/to/tinytorch/benchmarks \\
        python -m peers --peers torch,ort,numpy --adapter peers_adapter:Tinytorch

A method per workload builds everything and returns the call that is timed. Where the engine has no
session of its own yet, plain compositions of its operators stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from peers import workloads as W
from peers.base import Peer, Unsupported

import tinytorch as tt
from tinytorch import _core
from tinytorch.core.autograd import no_grad
from tinytorch.runtime import CnnSession

ops = _core.ops
Call = Callable[[], Any]


def untracked(fn: Callable[..., Any], *args: Any) -> Call:
    def run() -> Any:
        with no_grad():
            return fn(*args)

    return run


def in_turn(fn: Callable[[Any], Any], items: list[Any]) -> Call:
    turn = itertools.cycle(items)
    return untracked(lambda: fn(next(turn)))


class Cnn:
    """A network of the workloads' node list, operator by operator, for training."""

    def __init__(self, name: str) -> None:
        self.nodes = W.CNNS[name]()
        w = W.cnn_weights(name)
        self.running = {k: v.copy() for k, v in w.items() if k.endswith((".mean", ".var"))}
        self.p = {
            k: tt.Tensor(v.T if k == "fc.w" else v, requires_grad=True)
            for k, v in w.items()
            if k not in self.running
        }

    def parameters(self) -> list[Any]:
        return list(self.p.values())

    def _norm(self, name: str, x: Any) -> Any:
        mean, var = self.running[name + ".mean"], self.running[name + ".var"]
        return ops.batch_norm(x, self.p[name + ".gamma"], self.p[name + ".beta"], mean, var, True)

    def _run(self, nodes: list[Any], x: Any) -> Any:
        kept = []
        for node in nodes:
            kind = node[0]
            if kind == "conv":
                _, name, _, _, _, stride, padding = node
                x = ops.conv2d(x, self.p[name + ".w"], None, stride, padding)
            elif kind == "bn":
                x = self._norm(node[1], x)
            elif kind == "relu":
                x = ops.relu(x)
            elif kind == "maxpool":
                x = ops.max_pool2d(x, node[1])
            elif kind == "gap":
                x = ops.mean(x, (2, 3))
            elif kind == "linear":
                x = ops.linear(x, self.p[node[1] + ".w"], self.p[node[1] + ".b"])
            elif kind == "push":
                kept.append(x)
            elif kind == "proj":
                kept[-1] = self._run(node[1], kept[-1])
            elif kind == "add":
                x = ops.add(x, kept.pop())
        return x

    def __call__(self, x: Any) -> Any:
        return self._run(self.nodes, x)


class Gpt:
    """GPT-2's form from the workload module's weights."""

    def __init__(self, name: str, learns: bool = False) -> None:
        self.c = W.GPTS[name]
        self.p = {
            k: tt.Tensor(v.T if k.endswith(".w") else v, requires_grad=learns)
            for k, v in W.gpt_weights(name).items()
        }

    def new_cache(self, batch: int, length: int) -> list[tuple[np.ndarray, np.ndarray]]:
        shape = (batch, self.c.n_head, length, self.c.n_embd // self.c.n_head)
        return [
            (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
            for _ in range(self.c.n_layer)
        ]

    def _norm(self, name: str, x: Any) -> Any:
        return ops.layer_norm(x, self.p[name + ".g"], self.p[name + ".b"])

    def _linear(self, name: str, x: Any) -> Any:
        return ops.linear(x, self.p[name + ".w"], self.p[name + ".b"])

    def _attend(self, layer: int, x: Any, cache: Any, start: int) -> Any:
        batch, length, width = x.shape
        heads = (batch, length, 3, self.c.n_head, width // self.c.n_head)
        qkv = ops.permute(ops.reshape(self._linear(f"h{layer}.qkv", x), heads), (2, 0, 3, 1, 4))
        q, k, v = (ops.index(qkv, i) for i in range(3))
        if cache is not None:
            for kept, new in zip(cache[layer], (k, v), strict=True):
                kept[:, :, start : start + length] = new.data
            k, v = (tt.engine.from_numpy(kept[:, :, : start + length]) for kept in cache[layer])
        y = ops.scaled_dot_product_attention(q, k, v, None, length > 1)
        return self._linear(f"h{layer}.proj", ops.reshape(ops.transpose(y, 1, 2), x.shape))

    def __call__(
        self, ids: np.ndarray, cache: Any = None, start: int = 0, last: bool = False
    ) -> Any:
        places = np.arange(start, start + ids.shape[1])
        x = ops.add(ops.embedding(self.p["wte"], ids), ops.embedding(self.p["wpe"], places))
        for i in range(self.c.n_layer):
            x = ops.add(x, self._attend(i, self._norm(f"h{i}.ln1", x), cache, start))
            h = ops.gelu_tanh(self._linear(f"h{i}.fc", self._norm(f"h{i}.ln2", x)))
            x = ops.add(x, self._linear(f"h{i}.out", h))
        x = self._norm("lnf", ops.index(x, (slice(None), slice(-1, None))) if last else x)
        return ops.matmul(x, ops.transpose(self.p["wte"], 0, 1))

    def generate(self, ids: np.ndarray, new: int) -> np.ndarray:
        cache = self.new_cache(len(ids), ids.shape[1] + new)
        made, start = [], 0
        for _ in range(new):
            logits = self(ids, cache, start, last=True)
            start += ids.shape[1]
            ids = ops.argmax(logits, 2).data.astype(np.int64)
            made.append(ids)
        return np.concatenate(made, 1)


def trained(parameters: list[Any], loss_of: Call, optimizer: Any) -> Call:
    def step() -> Any:
        for p in parameters:
            p.grad = None
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    return step


def session_call(case: Any, precision: str = "f32") -> Call:
    p = case.params
    images = W.images(p["batch"])
    session = CnnSession(
        W.CNNS[p["net"]](), W.cnn_weights(p["net"]), batch=p["batch"],
        precision=precision, calibration=images,
    )  # fmt: skip
    return lambda: session(images)


class Tinytorch(Peer):
    name = "tinytorch"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        _core.set_num_threads(threads)

    @classmethod
    def version(cls) -> str:
        return f"{tt.__version__} ({_core.active_isa()})"

    def gemm_f32(self, case: Any) -> Call:
        p = case.params
        a, b = (
            tt.Tensor(W.f32(s, t)) for s, t in (((p["m"], p["k"]), "a"), ((p["k"], p["n"]), "b"))
        )
        return untracked(ops.matmul, a, b)

    def gemv(self, case: Any) -> Call:
        p = case.params
        if p["dtype"] != "f32":
            raise Unsupported
        weight, x = W.f32((p["n"], p["n"]), "gemv"), tt.Tensor(W.f32((p["n"],), "x"))
        weights = [tt.Tensor(weight * np.float32(1 + i / 64)) for i in range(p["copies"])]
        return in_turn(lambda w: ops.matmul(w, x), weights)

    def mlp_latency(self, case: Any) -> Call:
        p = case.params
        w = W.mlp_weights(p["mlp"])
        tensors = [tt.Tensor(w[k].T) for k in ("w1", "b1", "w2", "b2")]
        model = _core.models.SimpleMLP.over(*tensors)
        return untracked(model.forward, tt.Tensor(W.f32((p["batch"], W.MLPS[p["mlp"]][0]), "mlpx")))

    def cnn_infer(self, case: Any) -> Call:
        return session_call(case)

    def cnn_train(self, case: Any) -> Call:
        p = case.params
        model = Cnn(p["net"])
        x, y = tt.Tensor(W.images(p["batch"])), W.labels(p["batch"])
        optimizer = tt.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return trained(model.parameters(), lambda: ops.cross_entropy(model(x), y), optimizer)

    def gpt_train(self, case: Any) -> Call:
        p = case.params
        model = Gpt(p["model"], learns=True)
        ids = W.prompt(model.c, p["seq"] + 1, p["batch"])
        x, y = ids[:, :-1], ids[:, 1:].reshape(-1)
        parameters = list(model.p.values())
        optimizer = tt.AdamW(parameters, lr=3e-4, weight_decay=0.1)

        def loss() -> Any:
            return ops.cross_entropy(ops.reshape(model(x), (-1, model.c.vocab)), y)

        return trained(parameters, loss, optimizer)

    def gpt_decode(self, case: Any) -> Call:
        p = case.params
        model = Gpt(p["model"])
        return untracked(model.generate, W.prompt(model.c, p["prompt"], p["batch"]), p["new"])

    gpt_batch_decode = gpt_decode

    def gpt_prefill(self, case: Any) -> Call:
        p = case.params
        model = Gpt(p["model"])
        ids = W.prompt(model.c, p["prompt"], p["batch"])

        def run() -> Any:
            cache = model.new_cache(p["batch"], p["prompt"])
            return model(ids, cache, 0, last=True)

        return untracked(run)

    def elementwise(self, case: Any) -> Call:
        p = case.params
        flat = W.f32((p["n"],), "ew")
        x, rows = tt.Tensor(flat), tt.Tensor(flat.reshape(-1, p["cols"]))
        calls = {
            "relu": (ops.relu, x),
            "gelu": (ops.gelu_tanh, x),
            "exp": (ops.exp, x),
            "softmax": (ops.softmax, rows),
            "layernorm": (ops.layer_norm, rows),
            "sum": (ops.sum, x),
        }
        if p["op"] == "add":
            return untracked(ops.add, x, tt.Tensor(W.f32((p["n"],), "ew2")))
        return untracked(*calls[p["op"]])


class TinytorchInt8(Peer):
    """Networks quantized on the images of the case, as the peers quantize them."""

    name = "tinytorch-int8"
    precision = "int8"
    bytes_per_weight = 1.0

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        _core.set_num_threads(threads)

    version = Tinytorch.version

    def cnn_infer(self, case: Any) -> Call:
        return session_call(case, "int8")
