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
from peers.base import Peer, Unsupported

import tinytorch as tt
from peers import workloads as W
from tinytorch import _core
from tinytorch.core.autograd import no_grad
from tinytorch.models.gpt_names import from_gpt2_names
from tinytorch.runtime import CnnSession, GptSession, Int8Matmul, LinearSession, MlpSession

ops = _core.ops
Call = Callable[[], Any]

# The benchmarks ask results that can be detached for this name of PyTorch before they compare them.
setattr(tt.Tensor, "is_floating_point", lambda self: False)  # noqa: B010


def untracked(fn: Callable[..., Any], *args: Any) -> Call:
    def run() -> Any:
        with no_grad():
            return fn(*args)

    return run


def plain_operands(p: dict[str, Any]) -> tuple[tt.Tensor, tt.Tensor]:
    return tt.Tensor(W.f32((p["m"], p["k"]), "a")), tt.Tensor(W.f32((p["k"], p["n"]), "b"))


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

    def _norm(self, name: str, x: Any, relu: bool) -> Any:
        mean, var = self.running[name + ".mean"], self.running[name + ".var"]
        gamma, beta = self.p[name + ".gamma"], self.p[name + ".beta"]
        return ops.batch_norm(x, gamma, beta, mean, var, True, relu=relu)

    def _run(self, nodes: list[Any], x: Any) -> Any:
        kept, joined = [], False  # joined: the norm before has done the relu
        for node, after in itertools.zip_longest(nodes, nodes[1:], fillvalue=("end",)):
            kind = node[0]
            if kind == "conv":
                _, name, _, _, _, stride, padding = node
                x = ops.conv2d(x, self.p[name + ".w"], None, stride, padding)
            elif kind == "bn":
                joined = after[0] == "relu"
                x = self._norm(node[1], x, joined)
            elif kind == "relu":
                x = x if joined else ops.relu(x)
                joined = False
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

    def _norm(self, name: str, x: Any) -> Any:
        return ops.layer_norm(x, self.p[name + ".g"], self.p[name + ".b"])

    def _linear(self, name: str, x: Any) -> Any:
        return ops.linear(x, self.p[name + ".w"], self.p[name + ".b"])

    def _attend(self, layer: int, x: Any) -> Any:
        y = ops.packed_attention(self._linear(f"h{layer}.qkv", x), self.c.n_head, True)
        return self._linear(f"h{layer}.proj", y)

    def __call__(self, ids: np.ndarray) -> Any:
        x = ops.add(
            ops.embedding(self.p["wte"], ids),
            ops.embedding(self.p["wpe"], np.arange(ids.shape[1])),
        )
        for i in range(self.c.n_layer):
            x = ops.add(x, self._attend(i, self._norm(f"h{i}.ln1", x)))
            h = ops.gelu_tanh(self._linear(f"h{i}.fc", self._norm(f"h{i}.ln2", x)))
            x = ops.add(x, self._linear(f"h{i}.out", h))
        return ops.einsum("btd,vd->btv", self._norm("lnf", x), self.p["wte"])


def gpt_session(name: str, precision: str) -> GptSession:
    """The model of the workloads, its weights by GPT-2's published names."""
    w = W.gpt_weights(name)
    norms = {"ln1": "ln_1", "ln2": "ln_2"}
    linears = {"qkv": "attn.c_attn", "proj": "attn.c_proj", "fc": "mlp.c_fc", "out": "mlp.c_proj"}
    named = {
        "wte.weight": w["wte"],
        "wpe.weight": w["wpe"],
        "ln_f.weight": w["lnf.g"],
        "ln_f.bias": w["lnf.b"],
    }
    for i in range(W.GPTS[name].n_layer):
        for ours, theirs in norms.items():
            named[f"h.{i}.{theirs}.weight"] = w[f"h{i}.{ours}.g"]
            named[f"h.{i}.{theirs}.bias"] = w[f"h{i}.{ours}.b"]
        for ours, theirs in linears.items():
            named[f"h.{i}.{theirs}.weight"] = w[f"h{i}.{ours}.w"].T
            named[f"h.{i}.{theirs}.bias"] = w[f"h{i}.{ours}.b"]
    weights, config = from_gpt2_names(named, heads=W.GPTS[name].n_head)
    return GptSession(weights, config, precision=precision)


def trained(parameters: list[Any], loss_of: Call, optimizer: Any, precision: str) -> Call:
    def step() -> Any:
        for p in parameters:
            p.grad = None
        with tt.autocast(enabled=precision == "bf16"):
            loss = loss_of()
        loss.backward(free_graph=True)
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


def cnn_train_call(case: Any, precision: str = "f32") -> Call:
    p = case.params
    model = Cnn(p["net"])
    x, y = tt.Tensor(W.images(p["batch"])), W.labels(p["batch"])
    optimizer = tt.SGD(model.parameters(), lr=0.01, momentum=0.9)
    parameters = model.parameters()
    return trained(parameters, lambda: ops.cross_entropy(model(x), y), optimizer, precision)


def gpt_train_call(case: Any, precision: str = "f32") -> Call:
    p = case.params
    model = Gpt(p["model"], learns=True)
    ids = W.prompt(model.c, p["seq"] + 1, p["batch"])
    x, y = ids[:, :-1], ids[:, 1:].reshape(-1)
    parameters = list(model.p.values())
    optimizer = tt.AdamW(parameters, lr=3e-4, weight_decay=0.1)

    def loss() -> Any:
        return ops.cross_entropy(ops.reshape(model(x), (-1, model.c.vocab)), y)

    return trained(parameters, loss, optimizer, precision)


class Session(Peer):
    """What a session of any number format can run."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        _core.set_num_threads(threads)

    @classmethod
    def version(cls) -> str:
        return f"{tt.__version__} ({_core.active_isa()})"

    def gemv(self, case: Any) -> Call:
        p = case.params
        if p["dtype"] != self.precision:
            raise Unsupported
        weight, x = W.f32((p["n"], p["n"]), "gemv"), W.f32((1, p["n"]), "x")
        scales = (np.float32(1 + i / 64) for i in range(p["copies"]))
        layers = [LinearSession(weight * s, precision=self.precision) for s in scales]
        turn = itertools.cycle(layers)
        return lambda: next(turn)(x)

    def _linear(self, case: Any) -> Call:
        p = case.params
        layer = LinearSession(W.f32((p["k"], p["n"]), "b").T, precision=self.precision)
        a = W.f32((p["m"], p["k"]), "a")
        return lambda: layer(a)

    def gpt_decode(self, case: Any) -> Call:
        p = case.params
        session = gpt_session(p["model"], self.precision)
        ids = W.prompt(W.GPTS[p["model"]], p["prompt"], p["batch"])
        return lambda: session.generate(ids, p["new"])

    gpt_batch_decode = gpt_decode

    def gpt_prefill(self, case: Any) -> Call:
        p = case.params
        session = gpt_session(p["model"], self.precision)
        ids = list(W.prompt(W.GPTS[p["model"]], p["prompt"], p["batch"]))
        sequences = [session.sequence(p["prompt"]) for _ in ids]

        def run() -> Any:
            for sequence in sequences:
                sequence.truncate(0)
            return session.append(sequences, ids)

        return run


class Tinytorch(Session):
    """Float32: sessions for inference, plain operators for training and elementwise work."""

    name = "tinytorch"

    def gemm_f32(self, case: Any) -> Call:
        p = case.params
        if p["const_b"]:
            return self._linear(case)
        a, b = plain_operands(p)
        return untracked(ops.matmul, a, b)

    def mlp_latency(self, case: Any) -> Call:
        p = case.params
        w = W.mlp_weights(p["mlp"])
        session = MlpSession([w["w1"].T, w["w2"].T], [w["b1"], w["b2"]])
        x = tt.Tensor(W.f32((p["batch"], W.MLPS[p["mlp"]][0]), "mlpx"))
        return lambda: session(x)

    def cnn_infer(self, case: Any) -> Call:
        return session_call(case)

    def cnn_train(self, case: Any) -> Call:
        return cnn_train_call(case)

    def gpt_train(self, case: Any) -> Call:
        return gpt_train_call(case)

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


class TinytorchBf16(Session):
    """Weights and activations rounded to bfloat16, sums in float32."""

    name = "tinytorch-bf16"
    precision = "bf16"
    bytes_per_weight = 2.0

    def gemm_f32(self, case: Any) -> Call:
        p = case.params
        if p["const_b"]:
            return self._linear(case)
        a, b = plain_operands(p)

        def run() -> Any:
            with no_grad(), tt.autocast():
                return ops.matmul(a, b)

        return run

    def cnn_train(self, case: Any) -> Call:
        return cnn_train_call(case, "bf16")

    def gpt_train(self, case: Any) -> Call:
        return gpt_train_call(case, "bf16")


class TinytorchInt8(Session):
    """Weights with a scale per output; networks quantized on the images of the case, as the peers
    quantize them, linear layers row by row."""

    name = "tinytorch-int8"
    precision = "int8"
    bytes_per_weight = 1.0

    def gemm_int8(self, case: Any) -> Call:
        p = case.params
        r = W.rng("i8")
        a = r.integers(-127, 128, (max(p["m"], 32), p["k"]), dtype=np.int8)[: p["m"]]
        product = Int8Matmul(r.integers(-127, 128, (p["k"], p["n"]), dtype=np.int8))
        return lambda: product(a)

    def linear_int8(self, case: Any) -> Call:
        return self._linear(case)

    def cnn_infer(self, case: Any) -> Call:
        return session_call(case, "int8")


class TinytorchInt4(Session):
    """Weights in 4 bits with a scale per 32, activations quantized likewise."""

    name = "tinytorch-int4"
    precision = "int4"
    bytes_per_weight = 0.5 + 2 / 32
