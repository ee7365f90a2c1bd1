"""Small working objects of each kind, whose methods are called with junk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch import (
    GPT,
    MLP,
    SGD,
    AdamW,
    CharTokenizer,
    Conv2d,
    DataLoader,
    Dropout,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    Tensor,
    TensorDataset,
)
from tinytorch.capstone import SimpleMLP
from tinytorch.core.spatial import BatchNorm2d
from tinytorch.datasets import Augment, ImageLoader, TinyShapes
from tinytorch.models import create
from tinytorch.models.gpt import GptConfig
from tinytorch.models.gpt_net import GptNet
from tinytorch.models.int8_convnet import Int8ConvNet
from tinytorch.nn.quantized import Conv2dInt8, LinearInt8
from tinytorch.nn.sparse import LinearBsr, LinearCsr, LinearNm
from tinytorch.optim import Muon
from tinytorch.runtime import (
    GptGenerator,
    GptSession,
    Int8Matmul,
    LinearSession,
    MlpSession,
    Sampling,
)
from tinytorch.text import ByteLevelBPE, Characters

ONES = np.ones((16, 16), np.float32)
IMAGES = np.zeros((8, 3, 32, 32), np.uint8)


def gpt_session() -> GptSession:
    return GptNet(GptConfig(29, 16, layers=1, heads=2, max_length=32)).session()


def requested() -> Any:
    generator = GptGenerator(gpt_session(), max_running=2)
    return generator.submit([1, 2, 3], max_new_tokens=4)


def half_empty() -> Linear:
    layer = Linear(16, 16)
    layer.weight = Tensor(ONES * (np.arange(16) % 4 < 2)[:, None])
    return layer


def gradient() -> Tensor:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    (x * x).sum().backward()
    return x


OBJECTS: dict[str, Callable[[], Any]] = {
    "Tensor": gradient,
    "Linear": lambda: Linear(3, 3),
    "Conv2d": lambda: Conv2d(3, 4, 3),
    "BatchNorm2d": lambda: BatchNorm2d(3),
    "LayerNorm": lambda: LayerNorm(3),
    "Dropout": lambda: Dropout(0.5),
    "MultiHeadAttention": lambda: MultiHeadAttention(4, 2),
    "GPT": lambda: GPT(8, 4, 1, 2, max_seq_len=8),
    "MLP": lambda: MLP(3, 4, 2),
    "SimpleMLP": SimpleMLP,
    "SGD": lambda: SGD([gradient()], lr=0.1),
    "AdamW": lambda: AdamW([gradient()]),
    "Muon": lambda: Muon([gradient()]),
    "DataLoader": lambda: DataLoader(TensorDataset(Tensor(ONES)), 4),
    "CharTokenizer": lambda: CharTokenizer(list("abc")),
    "LinearInt8": lambda: LinearInt8(Linear(16, 16)),
    "Conv2dInt8": lambda: Conv2dInt8(Conv2d(3, 4, 3)),
    "LinearCsr": lambda: LinearCsr(Linear(16, 16)),
    "LinearNm": lambda: LinearNm(half_empty()),
    "LinearBsr": lambda: LinearBsr(Linear(16, 16)),
    "LinearSession": lambda: LinearSession(ONES, None, "int4"),
    "MlpSession": lambda: MlpSession([ONES], [ONES[0]]),
    "Int8Matmul": lambda: Int8Matmul(np.ones((3, 3), np.int8)),
    "Sampling": Sampling,
    "GptSession": gpt_session,
    "GptSequence": lambda: gpt_session().sequence(),
    "GptGenerator": lambda: GptGenerator(gpt_session(), max_running=2),
    "GptRequest": requested,
    "ConvNet": lambda: create("swiftcnn-tiny"),
    "CnnSession": lambda: create("swiftcnn-tiny").session(batch=1),
    "Int8ConvNet": lambda: Int8ConvNet.of(create("swiftcnn-tiny"), IMAGES),
    "ImageLoader": lambda: ImageLoader(
        IMAGES, np.arange(8), 4, mean=[0.5] * 3, std=[0.2] * 3, augment=Augment(mix=0.5)
    ),
    "TinyShapes": TinyShapes,
    "Characters": lambda: Characters("abc"),
    "ByteLevelBPE": lambda: ByteLevelBPE.train("abc abc abd", 260),
}
